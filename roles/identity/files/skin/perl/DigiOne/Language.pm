package DigiOne::Language;

# Pages leave the server in the reader's language, so that they are read without scripts, and have the page's own
# title. LemonLDAP::NG leaves both to a script in the browser; that one follows the cookie which is set here.

use strict;
use warnings;
use Mouse;
use File::Basename qw(dirname);
use JSON qw(decode_json);
use POSIX qw(strftime tzset);
use Lemonldap::NG::Portal::Main;

extends 'Lemonldap::NG::Portal::Main::Plugin';

# Each language is named in itself, so that its readers find it.
use constant NAMES   => { fi => 'Suomi', sv => 'Svenska', en => 'English' };
use constant FOLDERS => (
    dirname(__FILE__) . '/../../static/languages',
    '/usr/share/lemonldap-ng/portal/htdocs/static/languages',
);

has offered => ( is => 'rw', default => sub { [] } );    # codes of the tenant's languages, its own first
has texts   => ( is => 'rw', default => sub { {} } );    # language => name of a text => the text, in UTF-8

my $plugin;                                              # the latest one: a new configuration makes it anew

sub init {
    my ($self) = @_;
    $self->offered( [ split /[\s,]+/, $self->conf->{languages} ] );
    for my $language ( @{ $self->offered } ) {
        my ($shipped) = grep { -r } map { "$_/$language.json" } FOLDERS;
        my %texts = map { %{ read_texts($_) } }
          grep { -r } $shipped, "$self->{conf}->{templateDir}/$self->{conf}->{portalSkin}/$language.json";
        $self->texts->{$language} = \%texts;
    }
    $plugin = $self;
    return 1;
}

Lemonldap::NG::Portal::Main->meta->add_around_method_modifier(
    sendHtml => sub {
        my ( $send, $portal, $req, $template, %given ) = @_;
        return $portal->$send( $req, $template, %given ) unless $plugin;
        my ( $language, $name ) = ( $plugin->language($req), $plugin->conf->{digioneMunicipality} );
        my ($municipality) = map { octets($_) } grep { defined }
          @$name{ $language, @{ $plugin->offered }, sort keys %$name };
        my $languages = [
            map { { code => $_, name => NAMES->{$_}, chosen => $_ eq $language } } @{ $plugin->offered }
        ];
        my $answer = $portal->$send(
            $req,
            $template,
            %given,
            params => {
                %{ $given{params} || {} },
                language     => $language,
                languages    => $languages,
                municipality => $municipality,
                signed_in    => scalar %{ $req->userData || {} },
            }
        );
        $plugin->keep( $req, $answer, $language );
        my $html = join '', @{ $answer->[2] };
        utf8::downgrade( $html, 1 );    # the octets that it is sent as
        $answer->[2] = [ $plugin->translated( $html, $language ) ];
        return $answer;
    }
);

# As the platform asks for it (who is not signed in chooses there), as chosen on these pages before, or as the
# browser is set; else the tenant's own.
sub language {
    my ( $self, $req ) = @_;
    my @accepted = map { $_->[0] } sort { $b->[1] <=> $a->[1] }
      map { /\A\s*([a-z]{2})[^;]*(?:;\s*q=([0-9.]+))?/i ? [ lc $1, $2 // 1 ] : () }
      split /,/, $req->env->{HTTP_ACCEPT_LANGUAGE} // '';
    for my $wish ( $req->param('llnglanguage'), $req->param('ui_locales'), $req->cookies->{llnglanguage},
        @accepted )
    {
        next unless defined $wish;
        my ($found) = grep { $_ eq substr $wish, 0, 2 } @{ $self->offered };
        return $found if $found;
    }
    return $self->offered->[0];
}

sub keep {
    my ( $self, $req, $answer, $language ) = @_;
    return if ( $req->cookies->{llnglanguage} // '' ) eq $language;
    my $same_site = $self->conf->{sameSite};
    push @{ $answer->[1] },
      'Set-Cookie' => "llnglanguage=$language; Path=/; Max-Age=31536000; Secure; SameSite=$same_site";
    return;
}

# What the script would fill in: texts of elements (trspan), of messages (trmsg) and of attributes (trattribute),
# and moments.
sub translated {
    my ( $self, $html, $language ) = @_;
    my $texts = $self->texts->{$language};
    my $text  = sub {
        my ( $name, @values ) = split /,/, $_[0];
        my $found = $texts->{$name} // $name;
        $found =~ s/%[sd]/$_/ for @values;
        return $found;
    };
    $html =~ s{(<[^<>]*\strspan="([^"]+)"[^<>]*>)(?=</)}{ $1 . $text->($2) }ge;
    $html =~ s{(<div[^<>]*)(>\s*<span trmsg="(\d+)">)}{
        my $message = $text->("PE$3");
        $message eq '_hide_' ? "$1 hidden$2" : "$1$2$message"
    }ge;
    $html =~ s{\strattribute="([\w-]+):(\w+)"}{ qq{$& $1="} . $text->($2) . '"' }ge;
    $html =~ s{(<td class="localeDate" val="(\d+)">)}{ $1 . moment($2) }ge;
    my ($heading) = $html =~ m{<h1[^<>]*>([^<>]*)</h1>};
    $html =~ s{<title>}{<title>$heading – } if $heading;
    return $html;
}

sub moment {
    my ($seconds) = @_;
    my $text = do {
        local $ENV{TZ} = 'Europe/Helsinki';
        tzset;
        strftime '%-d.%-m.%Y %H.%M', localtime $seconds;
    };
    tzset;
    return $text;
}

sub read_texts {
    my ($file) = @_;
    open my $handle, '<:raw', $file or die "$file: $!";
    local $/ = undef;
    my $texts = decode_json(<$handle>);
    return { map { $_ => octets( $texts->{$_} ) } keys %$texts };
}

# Pages are put together in UTF-8; what comes from JSON is not in it yet.
sub octets {
    my ($text) = @_;
    utf8::encode($text) if utf8::is_utf8($text);
    return $text;
}

1;
