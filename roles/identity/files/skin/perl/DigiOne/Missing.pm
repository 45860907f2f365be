package DigiOne::Missing;

# An address that leads nowhere is answered so. LemonLDAP::NG would show the page of signing in at each.

use strict;
use warnings;
use Mouse;
use Lemonldap::NG::Portal::Main;

extends 'Lemonldap::NG::Portal::Main::Plugin';

sub init { 1 }

# What no route took comes to these two, among it what has one only for who is signed in: they sign in there.
Lemonldap::NG::Portal::Main->meta->add_around_method_modifier(
    $_ => sub {
        my ( $answer, $portal, $req, @path ) = @_;
        my ($first) = $req->path =~ m{\A/?([^/]*)};
        return $portal->$answer( $req, @path )
          if $first eq '' || grep { $_->{GET}->{$first} } $portal->authRoutes, $portal->unAuthRoutes;
        return $portal->sendHtml( $req, 'error', code => 404, params => { ERROR404 => 1 } );
    }
) for qw(login authenticatedRequest);

1;
