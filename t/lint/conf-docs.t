#!/usr/bin/perl

# README and the program say the same: each directive has its section in
# nginx.org's form, each section its directive, and no option of cameras or of
# vstream-ingest and no metric goes unmentioned.

use strict;
use warnings;

use Test::More;

plan skip_all => 'README.md is not written yet' unless -e 'README.md';

my $build = $ENV{B} || 'build';
my $module = slurp('ngx_vstream_module/ngx_http_vstream_module.c');
my $readme = slurp('README.md');

my %flags = (
    http => 'NGX_HTTP_MAIN_CONF',
    server => 'NGX_HTTP_SRV_CONF',
    location => 'NGX_HTTP_LOC_CONF',
);
my %directive = directives();
my %section = sections();

ok(%directive > 0, 'there are directives');
is_deeply([ sort keys %section ], [ sort keys %directive ],
    'each directive has a section, each section a directive');

for my $name (sort grep { $section{$_} } keys %directive) {
    my %row = rows($section{$name});

    like($row{syntax} // '', qr/\b$name\b/, "$name: Syntax");
    ok(defined $row{default}, "$name: Default");

    my @said = ($row{context} // '') =~ /\b(http|server|location)\b/g;
    my @true = grep { $directive{$name} =~ /\b$flags{$_}\b/ } sort keys %flags;
    is("@{[ sort @said ]}", "@true", "$name: Context");
}

for my $option (camera_options()) {
    like($section{vstream_camera} // '', qr/\b$option=/,
        "vstream_camera: $option=");
}

my $help = qx($build/vstream-ingest --help 2>&1);

is($?, 0, 'vstream-ingest --help');

for my $option (unique($help =~ /(?<![\w-])(--[a-z][a-z-]*)/g)) {
    like($readme, qr/(?<![\w-])\Q$option\E(?![\w-])/, "vstream-ingest $option");
}

my @metrics = map { slurp($_) =~ /"(vstream_[a-z_]+[a-z])"/g }
    glob 'ngx_vstream_module/*_metrics.c workers/*/*metrics.c';

for my $metric (unique(@metrics)) {
    like($readme, qr/\b$metric\b/, "metric $metric");
}

done_testing();


# Name and flags of each entry in the command table.

sub directives {
    my ($table) = $module =~ /ngx_command_t\s+\w+\[\]\s*=\s*\{(.*?)\n\};/s
        or die 'no command table';

    return $table =~ /ngx_string\("(\w+)"\)\s*,\s*([\w\s|]+?)\s*,/g;
}


# A heading that is a directive's name, and what stands below it.

sub sections {
    my ($name, %found);

    for my $line (split /^/, $readme) {
        if ($line =~ /^#/) {
            ($name) = $line =~ /^#+\s+`?(vstream_\w+)`?\s*$/;
        }

        $found{$name} .= $line if $name;
    }

    return %found;
}


sub rows {
    my ($text) = @_;

    return map { /^\W*(Syntax|Default|Context)\b(.*)/ ? (lc $1 => $2) : () }
        split /\n/, $text;
}


sub camera_options {
    my ($table) = slurp('ngx_vstream_module/core/vstream_camera.c')
        =~ /vstream_camera_options\[\]\s*=\s*\{(.*?)\n\};/s
        or die 'no table of camera options';

    return $table =~ /\{\s*"(\w+)",/g;
}


sub unique {
    my %seen;
    return grep { !$seen{$_}++ } @_;
}


sub slurp {
    my ($file) = @_;

    open my $in, '<', $file or die "$file: $!";
    local $/;

    return scalar <$in>;
}
