package DigiOne::LatestRequest;

# Who comes to sign in a second time, after having gone back, given up or signed out, continues with that second
# request and chooses anew. LemonLDAP::NG would go on with the first, whose answer the platform no longer expects.

use strict;
use warnings;
use Mouse;
use Lemonldap::NG::Portal::Issuer::OpenIDConnect;

extends 'Lemonldap::NG::Portal::Main::Plugin';

sub init {
    my $issuer = Lemonldap::NG::Portal::Issuer::OpenIDConnect->meta;
    $issuer->add_before_method_modifier(
        _redirect => sub {
            my ( $self, $req ) = @_;
            return unless $req->param('client_id');
            $self->cleanAllPdata($req);
            delete $req->pdata->{_choice};
        }
    );
    return 1;
}

1;
