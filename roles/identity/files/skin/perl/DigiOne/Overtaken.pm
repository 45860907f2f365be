package DigiOne::Overtaken;

# A session is over once its person's password was changed: whoever knew the old one would go on without any, and
# could add a second factor of their own. The directory knows when that was.

use strict;
use warnings;
use Mouse;
use POSIX qw(strftime);
use Lemonldap::NG::Handler::Main::Run;
use Lemonldap::NG::Portal::Main;

extends qw(Lemonldap::NG::Portal::Main::Plugin Lemonldap::NG::Portal::Lib::LDAP);

my $plugin;    # the latest one: a new configuration makes it anew

sub init {
    my ($self) = @_;
    $plugin = $self;
    return 1;
}

my $retrieve = \&Lemonldap::NG::Handler::Main::retrieveSession;
{
    no warnings 'redefine';
    *Lemonldap::NG::Handler::Main::retrieveSession = sub {
        my ( $class, $req, $id ) = @_;
        my $data = $retrieve->(@_);
        return $data unless $data && $plugin && $plugin->is_over($data);
        $req->data->{session}->remove;
        $class->data( {} );
        return 0;
    };
}

# Nothing is over while the directory is away, nor of people from an upstream provider.
sub is_over {
    my ( $self, $data ) = @_;
    return 0 unless ( $data->{_auth} || '' ) eq 'LDAP' && $data->{_dn} && $data->{_lastAuthnUTime};
    $self->validateLdap;
    return 0 unless $self->ldap && $self->bind;
    my $found = $self->ldap->search(
        base   => $data->{_dn},
        scope  => 'base',
        filter => '(objectClass=*)',
        attrs  => ['pwdChangedTime']
    );
    my $entry   = $found->entry(0)                    or return 0;
    my $changed = $entry->get_value('pwdChangedTime') or return 0;

    # Within one second it is not known which was first.
    return $changed ge strftime( '%Y%m%d%H%M%SZ', gmtime $data->{_lastAuthnUTime} );
}

1;
