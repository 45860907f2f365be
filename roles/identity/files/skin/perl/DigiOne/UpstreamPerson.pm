package DigiOne::UpstreamPerson;

# An upstream OpenID Connect provider tells in some claim who a person is, MPASSid in that of the learner
# number. LemonLDAP::NG looks people up by the subject, so that claim takes the subject's place.

use strict;
use warnings;
use Mouse;
use Lemonldap::NG::Portal::Main::Constants qw(PE_OK PE_OIDC_AUTH_ERROR);

extends 'Lemonldap::NG::Portal::Main::Plugin';

use constant hook => { oidcGotIDToken => 'replace_subject' };

sub init { 1 }

sub replace_subject {
    my ( $self, $req, $provider, $claims ) = @_;
    my $claim = $self->conf->{digionePersonClaim};
    return PE_OK if $claim eq 'sub';

    # What is no plain identifier could become a search for someone else.
    my $person = $claims->{$claim} // '';
    unless ( $person =~ /\A[\w.-]{1,64}\z/ ) {
        $self->logger->error("$provider sent no usable claim $claim");
        return PE_OIDC_AUTH_ERROR;
    }
    $claims->{sub} = $person;
    return PE_OK;
}

1;
