package DigiOne::Upstream;

# People who come through the tenant's upstream provider, such as MPASSid: who they are here, and what they
# are told when that cannot be said. An OpenID Connect provider's description is read when the first of them
# comes, so that nothing but their own sign-in waits for a provider that is away.

use strict;
use warnings;
use Mouse;
use JSON qw(from_json);
use Lemonldap::NG::Portal::Main::Constants
  qw(PE_OK PE_BADCREDENTIALS PE_RADIUSCONNECTFAILED PE_USERNOTFOUND);

extends 'Lemonldap::NG::Portal::Main::Plugin';

use constant {
    beforeAuth => 'describe_provider',
    hook       => { oidcGotIDToken => 'name_person' },
    aroundSub  => { getUser => 'find_person', authLogout => 'sign_out' },
};

use constant CHOICE         => '2_upstream';
use constant DESCRIBED_FOR  => 600;    # seconds; a provider's new keys are known after that
use constant UNREACHED_FOR  => 5;      # seconds in which a provider that was away is not asked again
use constant ANSWERS_WITHIN => 10;     # seconds

use constant NOBODY         => '-';    # is no identifier, but LemonLDAP::NG wants some text

# What may identify a person, by the tenant's setting "match". Anything else could become a search for
# someone else, or be the name identifier of a person without a learner number.
use constant IDENTIFIER => {
    learner_number => qr/\A1\.2\.246\.562(?:\.[0-9]{1,30}){2}\z/,
    account        => qr/\A[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\z/,
};

has texts => ( is => 'rw', default => sub { {} } );    # description and keys, as the provider sent them
has until => ( is => 'rw', default => 0 );             # when the provider is asked for them again

sub init { 1 }

sub describe_provider {
    my ( $self, $req ) = @_;
    my $issuer = $self->conf->{digioneUpstream}->{issuer} or return PE_OK;
    my $choice = $req->pdata->{_choice} || $req->param( $self->conf->{authChoiceParam} ) || '';
    return PE_OK unless $choice eq CHOICE;

    my $module = $self->p->_authentication->modules->{ +CHOICE };
    if ( $self->until <= time ) {
        my $texts = eval { $self->ask( $module->ua, $issuer ) };
        $self->logger->warn("upstream provider $issuer: $@") unless $texts;
        $self->texts($texts) if $texts;
        $self->until( time + ( $texts ? DESCRIBED_FOR : UNREACHED_FOR ) );
    }
    return $self->refuse( $req, PE_RADIUSCONNECTFAILED ) unless $self->texts->{keys};

    # Made anew each time, for LemonLDAP::NG takes the keys that it has used out of the list.
    $module->oidcOPList->{upstream} = {
        conf => from_json( $self->texts->{description} ),
        jwks => from_json( $self->texts->{keys} ),
    };
    return PE_OK;
}

# Returns description and keys, both checked to be JSON; dies of whatever is wrong.
sub ask {
    my ( $self, $ua, $issuer ) = @_;
    $ua->timeout(ANSWERS_WITHIN);
    my $get = sub {
        my $response = $ua->get( $_[0] );
        die $response->status_line . "\n" unless $response->is_success;
        return $response->decoded_content;
    };
    ( my $base = $issuer ) =~ s{/\z}{};
    my $description = $get->("$base/.well-known/openid-configuration");
    my $described   = from_json($description);
    die "it calls itself $described->{issuer}\n" unless $described->{issuer} eq $issuer;
    my $keys = $get->( $described->{jwks_uri} );
    die "it has no keys\n" unless ref from_json($keys)->{keys} eq 'ARRAY';
    return { description => $description, keys => $keys };
}

# LemonLDAP::NG looks people up by the subject; the claim that tells who it is takes its place.
sub name_person {
    my ( $self, $req, $provider, $claims ) = @_;
    $claims->{sub} = $claims->{ $self->conf->{digioneUpstream}->{claim} } || NOBODY;
    return PE_OK;
}

# A person without an account here has not typed a wrong password, and is not told so.
sub find_person {
    my ( $self, $get_user, $req ) = @_;
    return $get_user->($req) unless ( $req->data->{_authChoice} || '' ) eq CHOICE;
    my $named  = $req->user =~ IDENTIFIER->{ $self->conf->{digioneUpstream}->{match} };
    my $result = $named ? $get_user->($req) : PE_BADCREDENTIALS;
    return $result == PE_BADCREDENTIALS ? $self->refuse( $req, PE_USERNOTFOUND ) : $result;
}

# A SAML provider sends people back to where they had come from first: that would sign them in again.
sub sign_out {
    my ( $self, $auth_logout, $req ) = @_;
    $req->urldc( $self->conf->{portal} . '?logout=1' ) if ( $req->sessionInfo->{_auth} || '' ) eq 'SAML';
    return $auth_logout->($req);
}

# Back to the sign-in page, which lets the person choose again.
sub refuse {
    my ( $self, $req, $reason ) = @_;
    delete $req->pdata->{_choice};
    $self->p->_authentication->setSecurity($req);
    return $reason;
}

1;
