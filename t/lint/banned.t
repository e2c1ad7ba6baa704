#!/usr/bin/perl

# What has no place in C here: functions that write without a bound or judge
# numbers by guessing, programs started by a shell, comments that promise.

use strict;
use warnings;

use Test::More;

my @functions = qw(
    strcpy strcat stpcpy strncpy strncat sprintf vsprintf gets
    atoi atol atoll atof strtok strtok_r sscanf fscanf scanf alloca
    tmpnam mktemp tempnam system popen
    execl execle execlp execv execve execvp execvpe fexecve posix_spawn
    posix_spawnp gethostbyname inet_addr inet_ntoa asctime ctime gmtime
    localtime rand srand random
);

# The spawner starts once, from our own executable; nobody else starts any.
my %allowed = ('workers/ingest/vsw_spawner.c execve' => 1);

my $banned = join '|', @functions;
my (@calls, @comments, @promises);

for my $file (split /\n/, qx(find ngx_vstream_module workers t -name '*.[ch]' |
    sort))
{
    my $text = slurp($file);
    my $code = without_comments($text);
    my $bare = without_strings($code);

    push @calls, map { "$file: $_()" } grep { !$allowed{"$file $_"} }
        $bare =~ /(?<![\w.>])($banned)\s*\(/g;
    push @comments, $file if $bare =~ m{//};
    push @promises, "$file: $1" if $text =~ /\b(TODO|FIXME|XXX|HACK)\b/;
}

is(join("\n", @calls), '', 'no banned function is called');
is(join("\n", @comments), '', 'block comments only');
is(join("\n", @promises), '', 'nothing is promised in comments');

done_testing();


# Strings first: "https://" is no comment, and /* in one opens none.

sub without_comments {
    my ($text) = @_;

    $text =~ s{("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|/\*.*?\*/}
        {defined $1 ? $1 : ' '}gse;

    return $text;
}


sub without_strings {
    my ($text) = @_;

    $text =~ s{"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'}{""}g;

    return $text;
}


sub slurp {
    my ($file) = @_;

    open my $in, '<', $file or die "$file: $!";
    local $/;

    return scalar <$in>;
}
