#!/usr/bin/perl

# Static analysis: clang's analyzer, clang-tidy and cppcheck find nothing.
# `make analysis` says what is asked, and asks again only of what has changed.

use strict;
use warnings;

use Test::More;

plan skip_all => 'the same without a sanitizer' if $ENV{SANITIZE};

for my $program (qw(clang clang-tidy-14 cppcheck)) {
    plan skip_all => "$program is not installed"
        if system("command -v $program > /dev/null") != 0;
}

# What a make around us was told is not for the one below.
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};

my $build = $ENV{B} || 'build';
my $said = qx(make --no-print-directory -k -j "\$(nproc)" B='$build' analysis 2>&1);

is($?, 0, 'make analysis') or diag($said);

done_testing();
