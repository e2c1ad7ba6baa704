#!/usr/bin/perl

# Who may know whom.
#
#   endpoints -> store -> redis (nginx) -> core <- workers/common <- ingest
#
# Every include is followed to its end, so that nothing comes in through the
# header of a friend.  Core is checked by the compiler and by nm as well: it
# stands alone and calls no one.

use strict;
use warnings;

use File::Basename qw(basename dirname);
use File::Temp ();
use Test::More;

my $core = 'ngx_vstream_module/core';
my $redis = qr/\A(?:hiredis|ev\.h|microhttpd\.h|librdkafka)/;
my $media = qr/\A(?:libav|libsw|turbojpeg|jpeglib)/;
my $worker = qr/\Avsw_/;
my $nginx = qr/\Angx_/;

# In each room: what may not be reached, however far away.
my @rooms = (
    {   name => 'core',
        files => [ glob "$core/*.[ch]" ],
        only => qr/\A(?:vstream_\w+\.h|string\.h|stddef\.h|stdint\.h)\z/,
    },
    {   name => 'the module',
        files => [ glob 'ngx_vstream_module/*.[ch]' ],
        never => qr/$worker|$media|\A(?:ev\.h|microhttpd|cyaml|pthread)/,
    },
    {   name => 'endpoints',
        files => [ map { "ngx_vstream_module/ngx_http_vstream_$_.c" }
            grep { -e "ngx_vstream_module/ngx_http_vstream_$_.c" }
            endpoints() ],
        never => do {
            my $names = join '|', endpoints();
            qr/$redis|\Angx_http_vstream_(?:redis|$names)\w*\.h\z/;
        },
    },
    {   name => 'the module but its Redis files',
        files => [ grep { !/_redis\w*\.[ch]\z|_origin\.c\z|_store\w*\.c\z/ }
            glob 'ngx_vstream_module/*.[ch]' ],
        never => $redis,
    },
    {   name => 'workers/common',
        files => [ glob 'workers/common/*.[ch]' ],
        never => qr/$nginx|$media/,
        within => qr{\A(?:workers/common|$core)\z},
    },
    {   name => 'the supervisor',
        files => [ glob 'workers/ingest/*.[ch]' ],
        never => qr/$nginx|$media/,
    },
    {   name => 'the camera process',
        files => [ glob 'workers/ingest/camera/*.[ch]' ],
        never => qr/$nginx|$redis|\A(?:vsw_redis|vsw_http|cyaml)/,
    },
    {   name => 'detection, archive and API',
        files => [ map { glob "workers/$_/*.{c,h,cc}" } qw(detect archive api) ],
        never => qr/$nginx/,
        within => qr{\A(?:workers/(?:common|detect|archive|api)|$core)\z},
    },
);

my %path = header_paths();

for my $room (@rooms) {
    next unless @{ $room->{files} };

    my @wrong = map { wrong_includes($room, $_) } @{ $room->{files} };

    is(join("\n", @wrong), '', "$room->{name} knows only what it may");
}

is(join("\n", outside_links()), '',
    'of the camera process, the supervisor knows two headers; of the '
    . 'supervisor, the camera process knows the link and the back-off');

is(join("\n", map { words_of_floats($_) } glob "$core/*.[ch]"), '',
    'core computes without floats');

core_alone();

done_testing();


sub endpoints {
    return qw(mjpeg snapshot wall hls status detections upload health metrics);
}


# Headers are included by name alone, so a name may stand only once.

sub header_paths {
    my %found;
    my @headers = split /\n/,
        qx(find ngx_vstream_module workers t -name '*.h');

    push @{ $found{ basename($_) } }, $_ for @headers;

    my @twice = grep { @{ $found{$_} } > 1 } sort keys %found;
    is("@twice", '', 'no two headers share a name');

    return map { $_ => $found{$_}[0] } keys %found;
}


sub includes {
    my ($file) = @_;
    my @names = slurp($file) =~ /^\s*#\s*include\s+[<"]([^>"]+)[>"]/mg;

    return @names;
}


sub wrong_includes {
    my ($room, $file) = @_;
    my %seen;
    my @wrong;
    my @todo = map { [ $_, $file ] } includes($file);

    while (my $item = shift @todo) {
        my ($name, $via) = @$item;

        next if $seen{$name}++;

        my $where = $via eq $file ? '' : " (through $via)";
        my $path = $path{ basename($name) };

        push @wrong, "$file includes $name$where"
            if ($room->{never} && $name =~ $room->{never})
            || ($room->{only} && $name !~ $room->{only})
            || ($room->{within} && $path && dirname($path) !~ $room->{within});

        push @todo, map { [ $_, $path ] } includes($path) if $path;
    }

    return @wrong;
}


sub outside_links {
    my @wrong;

    for my $file (glob('workers/ingest/*.[ch]'),
        glob('workers/ingest/camera/*.[ch]'))
    {
        my $from = dirname($file);

        for my $name (includes($file)) {
            my $path = $path{$name} or next;
            my $to = dirname($path);

            next if $to eq $from || $to !~ m{\Aworkers/ingest};
            next if $name =~ /\Avsw_(?:backoff|camera_process|dial_policy|link)\.h\z/;

            push @wrong, "$file includes $name";
        }
    }

    return @wrong;
}


sub words_of_floats {
    my ($file) = @_;
    my $text = slurp($file);

    $text =~ s{/\*.*?\*/}{}gs;
    $text =~ s{"(?:[^"\\]|\\.)*"}{""}g;

    return map { "$file: $_" } $text =~ /\b(float|double)\b/g;
}


# Each header compiled alone, each file's undefined and writable symbols.

sub core_alone {
    my $dir = File::Temp->newdir('vstream-lint-XXXXXX', TMPDIR => 1);
    my $cc = ($ENV{CC} || 'cc') . " -std=c11 -pedantic -Wall -Werror -I$core";
    my $own = qr/\Avstream_/;
    my (@calls, @globals);

    for my $header (glob "$core/*.h") {
        my $said = qx($cc -x c -fsyntax-only -include $header /dev/null 2>&1);
        is($said, '', basename($header) . ' compiles alone');
    }

    for my $file (glob "$core/*.c") {
        my $name = basename($file);
        my $object = "$dir/$name.o";
        my $said = qx($cc -O2 -fno-pic -fno-stack-protector -c $file \\
            -o $object 2>&1);

        is($said, '', "$name compiles");

        for (split /\n/, qx(nm $object)) {
            my ($type, $symbol) = /(\S) (\S+)\z/ or next;

            push @calls, "$name: $symbol"
                if $type eq 'U' && $symbol !~ $own
                && $symbol !~ /\A(?:mem\w+|strlen)\z/;
            push @globals, "$name: $symbol" if $type =~ /[BbCDdGgSs]/;
            push @globals, "$name: $symbol is not vstream_*"
                if $type =~ /[TR]/ && $symbol !~ $own;
        }
    }

    is(join("\n", @calls), '', 'core calls nobody but mem* and strlen');
    is(join("\n", @globals), '', 'core holds no state');
}


sub slurp {
    my ($file) = @_;

    open my $in, '<', $file or die "$file: $!";
    local $/;

    return scalar <$in>;
}
