# Curves on logarithmic axes, as an SVG that can be read in light and in dark.

package Vstream::Plot;

use v5.36;

use Carp qw(croak);
use List::Util qw(max min);
use POSIX qw(ceil floor);

# Of one panel, in pixels: all of it, and where its axes stand.
use constant { WIDTH => 470, HEIGHT => 330, LEFT => 62, RIGHT => 112,
    TOP => 48, BOTTOM => 44 };

# Hues that stand out on white and on black.
my @hues = ('#2f7ed8', '#d9822b', '#3a9d5d', '#b05cc6');

my $style = <<'END';
svg { background: #fff; font: 12px sans-serif }
text { fill: #222 }
.title { font-size: 14px; font-weight: bold }
.grid { stroke: #ddd }
.axis { stroke: #888; fill: none }
.gate { stroke: #c33; stroke-dasharray: 5 4; fill: none }
.limit { fill: #c33 }
@media (prefers-color-scheme: dark) {
  svg { background: #161616 }
  text { fill: #ddd }
  .grid { stroke: #333 }
  .axis { stroke: #777 }
  .gate { stroke: #f66 }
  .limit { fill: #f66 }
}
END


# A plot without a panel; so many stand side by side.
sub new ($class, $columns = 2) {
    return bless { panels => [], columns => $columns }, $class;
}

# Adds a panel.  Options: title; x, y (what the axes are); series: a list of
# { name, points ([x, y] each), gate (true: a limit, drawn as one) }.  Points
# at or below zero have no place on it and are left out.
sub panel ($self, %options) {
    push @{ $self->{panels} }, \%options;
    return $self;
}

sub write ($self, $path) {
    open my $file, '>', $path or croak "$path: $!";
    print $file $self->svg;
    close $file or croak "$path: $!";
}

sub svg ($self) {
    my @panels = @{ $self->{panels} };
    my $columns = min($self->{columns}, scalar @panels);
    my $width = $columns * WIDTH;
    my $height = ceil(@panels / $columns) * HEIGHT;
    my $svg = qq{<svg xmlns="http://www.w3.org/2000/svg" width="$width" }
        . qq{height="$height" viewBox="0 0 $width $height">\n}
        . "<style>\n$style</style>\n";

    for my $i (0 .. $#panels) {
        my ($x, $y) = (WIDTH * ($i % $columns), HEIGHT * int($i / $columns));

        $svg .= qq{<g transform="translate($x $y)">\n} . _panel($panels[$i])
            . "</g>\n";
    }

    return "$svg</svg>\n";
}

sub _panel ($panel) {
    my @series = grep { @{ $_->{points} } } map {
        { %$_, points => [ grep { $_->[0] > 0 && $_->[1] > 0 }
            @{ $_->{points} } ] }
    } @{ $panel->{series} };
    my @points = map { @{ $_->{points} } } @series;
    my $x = _axis(LEFT, WIDTH - RIGHT, map { $_->[0] } @points);
    my $y = _axis(HEIGHT - BOTTOM, TOP, map { $_->[1] } @points);

    return _text(LEFT, 18, $panel->{title}, 'class="title"')
        . _frame($panel, $x, $y) . _curves($x, $y, @series);
}

# A scale from values to pixels, with marks at 1, 2, 5, 10, ...; it begins and
# ends at one.
sub _axis ($from, $to, @values) {
    my ($low, $high) = (min(@values), max(@values));
    my @marks = map { my $decade = 10 ** $_; map { $_ * $decade } 1, 2, 5 }
        floor(log($low) / log 10) .. floor(log($high) / log 10) + 1;
    my ($first) = grep { $marks[ $_ + 1 ] > $low * 1.001 } 0 .. $#marks - 1;
    my ($last) = grep { $marks[$_] > $high * 0.999 } $first + 1 .. $#marks;
    my ($least, $most) = @marks[ $first, $last ];

    return {
        at => sub ($value) {
            return $from + ($to - $from) * log($value / $least)
                / log($most / $least);
        },
        marks => [ @marks[ $first .. $last ] ],
    };
}

sub _frame ($panel, $x, $y) {
    my ($left, $right) = (LEFT, WIDTH - RIGHT);
    my ($top, $bottom) = (TOP, HEIGHT - BOTTOM);
    my $svg = '';

    for my $mark (@{ $x->{marks} }) {
        my $at = sprintf '%.1f', $x->{at}->($mark);

        $svg .= qq{<path class="grid" d="M$at $top V$bottom"/>\n}
            . _text($at, $bottom + 16, _number($mark), 'text-anchor="middle"');
    }

    for my $mark (@{ $y->{marks} }) {
        my $at = sprintf '%.1f', $y->{at}->($mark);

        $svg .= qq{<path class="grid" d="M$left $at H$right"/>\n}
            . _text($left - 6, $at + 4, _number($mark), 'text-anchor="end"');
    }

    return $svg . qq{<path class="axis" d="M$left $top V$bottom H$right"/>\n}
        . _text(($left + $right) / 2, HEIGHT - 10, $panel->{x},
            'text-anchor="middle"')
        . _text(LEFT, 38, $panel->{y}, '');
}

# Each with its name at its end; from the lowest up, so that names keep apart.
sub _curves ($x, $y, @series) {
    my ($svg, $below, @left) = ('', 1e9, @hues);

    for my $series (@series) {
        $series->{colour} = shift @left if !$series->{gate};
        $series->{points} = [ map { [ sprintf('%.1f', $x->{at}->($_->[0])),
            sprintf('%.1f', $y->{at}->($_->[1])) ] } @{ $series->{points} } ];
    }

    for my $series (sort { $b->{points}[-1][1] <=> $a->{points}[-1][1] }
        @series)
    {
        my ($end, $height) = @{ $series->{points}[-1] };

        $below = min($height + 4, $below - 14);
        $svg .= _curve($series) . _text($end + 8, $below, $series->{name},
            $series->{gate} ? 'class="limit"'
                : qq{style="fill: $series->{colour}"});
    }

    return $svg;
}

sub _curve ($series) {
    my @points = @{ $series->{points} };
    my $line = 'M' . join ' L', map { "$_->[0] $_->[1]" } @points;

    return qq{<path class="gate" d="$line"/>\n} if $series->{gate};

    return qq{<path d="$line" fill="none" stroke="$series->{colour}" }
        . qq{stroke-width="2"/>\n}
        . join '', map {
            qq{<circle cx="$_->[0]" cy="$_->[1]" r="3.5" }
                . qq{fill="$series->{colour}"/>\n}
        } @points;
}

# With commas between thousands.
sub _number ($value) {
    my $text = sprintf '%.12g', $value;

    1 while $text =~ s/^(\d+)(\d{3})/$1,$2/;

    return $text;
}

sub _text ($x, $y, $text, $attributes) {
    my %name = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;');

    return qq{<text x="$x" y="$y" $attributes>}
        . $text =~ s/([&<>])/$name{$1}/gr . "</text>\n";
}

1;
