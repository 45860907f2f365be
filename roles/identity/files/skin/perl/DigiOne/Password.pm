package DigiOne::Password;

# Pages about the own password: how long a new one must be, which the directory decides, and what came of changing
# it. LemonLDAP::NG tells that on the page of errors, without the form.

use strict;
use warnings;
use Mouse;
use Lemonldap::NG::Portal::Main;
use Lemonldap::NG::Portal::Main::Constants qw(PE_PASSWORD_OK);

extends qw(Lemonldap::NG::Portal::Main::Plugin Lemonldap::NG::Portal::Lib::LDAP);

use constant POLICY => 'cn=people,ou=policies,dc=digione';

my $plugin;    # the latest one: a new configuration makes it anew

sub init {
    my ($self) = @_;
    $plugin = $self;
    return 1;
}

Lemonldap::NG::Portal::Main->meta->add_around_method_modifier(
    sendHtml => sub {
        my ( $send, $portal, $req, $template, %given ) = @_;
        my %params  = %{ $given{params} || {} };
        my $changes = $template eq 'error' && defined $req->param('newpassword');
        if ($changes) {
            my $outcome = $params{AUTH_ERROR} == PE_PASSWORD_OK ? 'password_changed' : 'password_kept';
            $params{$outcome} = 1;
            # Who has just changed it has proved who they are: the session goes on (DigiOne::Overtaken).
            $portal->updateSession( $req, { _lastAuthnUTime => time + 1 } ) if $params{password_changed};
        }
        $params{password_length} = $plugin->shortest if $plugin && ( $changes || $template eq 'menu' );
        return $portal->$send( $req, $template, %given, params => \%params );
    }
);

# Returns nothing while the directory is away.
sub shortest {
    my ($self) = @_;
    $self->validateLdap;
    return unless $self->ldap && $self->bind;
    my $found = $self->ldap->search(
        base   => POLICY,
        scope  => 'base',
        filter => '(objectClass=pwdPolicy)',
        attrs  => ['pwdMinLength']
    );
    my $policy = $found->entry(0) or return;
    return $policy->get_value('pwdMinLength');
}

1;
