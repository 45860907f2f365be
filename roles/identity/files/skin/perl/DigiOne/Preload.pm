package DigiOne::Preload;

# Loaded by the parent of the workers, so that they share the memory of the code they all run
# (and so that a missing package stops the start, not the first page).

use strict;
use warnings;

sub import {
    return if $0 !~ m{/llng-fastcgi-server\z};
    for my $module (
        qw(
        Apache::Session::Browseable::PgJSON
        DBD::Pg
        HTML::Template
        IO::Socket::SSL
        LWP::UserAgent
        Net::LDAP
        Lemonldap::NG::Portal
        Lemonldap::NG::Portal::2F::Engines::Default
        Lemonldap::NG::Portal::2F::Register::TOTP
        Lemonldap::NG::Portal::2F::Register::WebAuthn
        Lemonldap::NG::Portal::2F::TOTP
        Lemonldap::NG::Portal::2F::WebAuthn
        Lemonldap::NG::Portal::Auth::LDAP
        Lemonldap::NG::Portal::Issuer::OpenIDConnect
        Lemonldap::NG::Portal::Main
        Lemonldap::NG::Portal::Main::Menu
        Lemonldap::NG::Portal::Password::LDAP
        Lemonldap::NG::Portal::Plugins::BruteForceProtection
        Lemonldap::NG::Portal::Plugins::History
        Lemonldap::NG::Portal::UserDB::LDAP
        )
      )
    {
        ( my $file = "$module.pm" ) =~ s{::}{/}g;
        require $file;
    }
}

1;
