#!/usr/bin/perl

# Typography: what clang-format cannot say is checked by hand here.

use strict;
use warnings;

use Test::More;

my @c = split /\n/, qx(find ngx_vstream_module workers t -name '*.[ch]' | sort);
my @all = (@c, split /\n/, qx(find t conf html -type f \\( -name '*.t' -o \\
    -name '*.pm' -o -name '*.mjs' -o -name '*.css' -o -name '*.html' -o \\
    -name '*.conf' \\) | grep -v node_modules | sort));

plan skip_all => 'clang-format is not installed'
    if system('clang-format --version > /dev/null 2>&1') != 0;

my (@ugly, @header, @lines, @blank);

for my $file (@c) {
    my $text = slurp($file);

    push @ugly, $file
        if system("clang-format --dry-run -Werror '$file' > /dev/null 2>&1");

    push @header, $file if $text !~ m{\A/\*\n(?: \*.*\n)+ \*/\n};

    push @lines, "$file: no two empty lines before $1()"
        if $file =~ /\.c\z/
        && $text =~ /^\}\n\n?(?=(?:static )?\w[\w *]*\n(\w+)\()/m;
}

for my $file (@all) {
    my $text = slurp($file);

    push @blank, "$file: trailing space" if $text =~ /[ \t]+$/m;
    push @blank, "$file: tab" if $file =~ /\.[ch]\z/ && $text =~ /\t/;
    push @blank, "$file: no newline at its end" if $text !~ /\n\z/;
    push @blank, "$file: carriage return" if $text =~ /\r/;
}

is(join("\n", @ugly), '', 'clang-format has nothing to change: make format');
is(join("\n", @header), '', 'each file says what it is for');
is(join("\n", @lines), '', 'two empty lines between functions');
is(join("\n", @blank), '', 'no stray white space');

done_testing();


sub slurp {
    my ($file) = @_;

    open my $in, '<:raw', $file or die "$file: $!";
    local $/;

    return scalar <$in>;
}
