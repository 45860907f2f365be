package DigiOne::Waiting;

# Who tries again before the time to wait is over has not guessed: the try is not counted, so that it does not make the
# time longer. LemonLDAP::NG would count it as one more wrong password, a right one too.

use strict;
use warnings;
use Mouse;
use Lemonldap::NG::Portal::Main;
use Lemonldap::NG::Portal::Main::Constants qw(PE_OK PE_WAIT);

extends 'Lemonldap::NG::Portal::Main::Plugin';

sub init { 1 }

Lemonldap::NG::Portal::Main->meta->add_around_method_modifier(
    registerLogin => sub {
        my ( $register, $portal, $req, @rest ) = @_;
        return PE_OK if ( $req->authResult // PE_OK ) == PE_WAIT;
        return $portal->$register( $req, @rest );
    }
);

1;
