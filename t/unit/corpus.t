#!/usr/bin/perl

# Every fuzz target over its corpus: what a fuzzer once found stays found,
# without a fuzzer.

use strict;
use warnings;

use File::Basename qw(basename);
use Test::More;

my $build = $ENV{B} || 'build';
my @targets = map { basename($_, '.c') } grep { !/replay/ } glob 't/fuzz/*.c';

for my $target (@targets) {
    my $program = "$build/t/fuzz/$target";
    my @files = glob "t/fuzz/corpus/$target/*";

    if (!-x $program) {
        fail("$target is built: run `make unit`");
        next;
    }

    ok(@files > 0, "$target has a corpus");
    is(system($program, @files), 0, "$target over " . @files . ' files');
}

done_testing();
