# Result lines of the fault tests: one of JSON for each row of the matrix.  It
# is printed, and kept below $B/faults, where the last run of a row wins and
# t/faults/table reads it.

package Vstream::Faults;

use v5.36;

use Carp qw(croak);
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Path qw(make_path);
use FindBin;
use JSON::PP;
use POSIX qw(strftime);
use Test::Builder;

our @EXPORT = qw(fault_row fault_seed fault_test);
our @EXPORT_OK = qw(fault_folder fault_rows);

my $json = JSON::PP->new->canonical;


# Tells what came of a row: `row` ("W1"; "K1-hanging" is a part of K1), `ok`
# (did all that is expected hold?), and its figures by name.  In a test it is a
# diagnostic, elsewhere a line on standard output.  Returns `ok`.
sub fault_row (%figures) {
    my $row = $figures{row} // '';

    croak "not a row: \"$row\"" if $row !~ /^[A-Z][A-Za-z0-9]*(-[\w-]+)?$/;
    croak "$row: ok is missing" if !exists $figures{ok};

    $figures{ok} = $figures{ok} ? JSON::PP::true : JSON::PP::false;
    my $line = $json->encode(\%figures);
    my $test = Test::Builder->new;

    $test->has_plan || $test->current_test ? $test->diag($line) : say $line;
    _keep(%figures, date => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime),
        form => $ENV{VSTREAM_SOAK} ? 'full' : 'short');

    return $figures{ok} ? 1 : 0;
}

# Runs the tests of a row, which return its figures: it is ok where all of them
# have passed.
sub fault_test ($row, $tests) {
    my $test = Test::Builder->new;
    my $failed = grep { !$_ } $test->summary;
    my %figures = $tests->();

    return fault_row(row => $row, %figures,
        ok => $failed == grep { !$_ } $test->summary);
}

# Seeds rand() by $SEED, so that a run can be repeated, or anew; returns it, for
# the row to tell.
sub fault_seed {
    my $seed = $ENV{SEED} // (time() ^ $$) & 0xffffffff;

    srand $seed;

    return $seed;
}

sub _keep (%figures) {
    my $path = fault_folder() . "/$figures{row}.json";

    make_path(fault_folder());
    open my $file, '>', "$path.$$" or croak "$path: $!";
    print $file $json->encode(\%figures), "\n";
    close $file or croak "$path: $!";
    rename "$path.$$", $path or croak "$path: $!";
}

# All rows that are kept, each as it was told and with `date` and `form`.
sub fault_rows {
    return map {
        open my $file, '<', $_ or croak "$_: $!";
        $json->decode(scalar <$file>);
    } glob fault_folder() . '/*.json';
}

sub fault_folder {
    my $build = $ENV{B} // 'build';

    return ($build =~ m{^/} ? '' : abs_path("$FindBin::Bin/../..") . '/')
        . "$build/faults";
}

1;
