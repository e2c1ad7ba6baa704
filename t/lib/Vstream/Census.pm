# What the processes of a Vstream::System hold, and Redis: samples, and what
# has grown between them.  Processes come and go: growth is that of all of a
# role, and that within those which have lived for long.

package Vstream::Census;

use v5.36;

use List::Util qw(min);
use POSIX qw(sysconf _SC_CLK_TCK);
use Time::HiRes qw(time);

use Vstream::Bench qw(median);
use Vstream::Ingest;
use Vstream::Load;
use Vstream::Test ();

# In seconds: a process that has just begun is not settled; one that has lived
# for long tells of itself; samples are compared that are so far apart.
use constant { YOUNG => 120, LONG => 900, APART => 240 };

my $ticks = sysconf(_SC_CLK_TCK);


sub new ($class) {
    return bless { processes => [], redis => [], born => {} }, $class;
}

# Takes a sample: { role => { count, rss_kib, pss_kib, descriptors, cpu_s },
# redis => { ... } }.
sub sample ($self, $system) {
    my $now = time();
    my %sample;

    for my $process ($self->_processes($system)) {
        my ($role, $pid) = @$process;
        my %held = _held($pid) or next;
        my $born = $self->{born}{"$role $pid"} //= $now;

        $sample{$role}{count}++;
        $sample{$role}{$_} += $held{$_} for keys %held;
        push @{ $self->{processes} }, { role => $role, pid => $pid,
            time => $now, age => $now - $born, %held };
    }

    $sample{redis_held} = _redis($system);
    push @{ $self->{redis} },
        { time => $now, pid => $system->redis->pid, %{ $sample{redis_held} } };

    return \%sample;
}

sub _processes ($self, $system) {
    my $nginx = $system->nginx;
    my @processes = ([ 'nginx master', $nginx->pid ],
        [ 'redis', $system->redis->pid ],
        map { [ 'nginx worker', $_ ] } $nginx->new_workers);

    for my $replica ($system->replicas) {
        my $overview = $replica->overview;

        push @processes, [ 'ingest', $replica->pid ],
            [ 'spawner', $overview->{spawner} ],
            map { $_->{pid} ? [ 'camera', $_->{pid} ] : () }
                @{ $overview->{cameras} };
    }

    return @processes;
}

# Empty: it has just ended.
sub _held ($pid) {
    my ($rss, $pss) = Vstream::Ingest::read_file("/proc/$pid/smaps_rollup")
        =~ /^Rss:\s+(\d+).*?^Pss:\s+(\d+)/ms or return ();
    my @fields = split ' ',
        Vstream::Ingest::read_file("/proc/$pid/stat") =~ s/.*\) //sr;

    return (rss_kib => $rss, pss_kib => $pss,
        descriptors => scalar Vstream::Load::descriptors($pid),
        cpu_s => ($fields[11] + $fields[12]) / $ticks);
}

# A camera that is being handed over is nobody's for a moment.
sub _redis ($system) {
    my $redis = $system->redis;

    Vstream::Test::wait_for(sub { $system->leases == $system->ids }, 2);

    my %info = map { /^(\w+):(\d+)\r?$/ ? ($1 => $2) : () }
        split /\n/, $redis->command('INFO');

    return { used_kib => int($info{used_memory} / 1024),
        keys => $redis->command('DBSIZE'), clients => $info{connected_clients},
        leases => $system->leases };
}

sub roles ($self) {
    my %roles = map { $_->{role} => 1 } @{ $self->{processes} };

    return sort keys %roles;
}

# Growth of what all processes of a role hold together ("rss_kib",
# "descriptors"), in an hour and by the samples that were taken from then on;
# undef: too few.
sub growth ($self, $role, $what, $from) {
    my %total;

    $total{ $_->{time} } += $_->{$what}
        for grep { $_->{role} eq $role && $_->{time} >= $from }
            @{ $self->{processes} };

    return _slope([ map { [ $_, $total{$_} ] } keys %total ]);
}

# The same within those that have lived for long; undef: none has.  A step, as
# of the first reload of nginx, is no growth: that goes on in both halves.
sub growth_within ($self, $role, $what, $from) {
    my (%lives, @halves);

    push @{ $lives{ $_->{pid} } }, [ $_->{time}, $_->{$what} ]
        for grep { $_->{role} eq $role && $_->{age} >= YOUNG
            && $_->{time} >= $from } @{ $self->{processes} };

    for my $life (grep { $_->[-1][0] - $_->[0][0] >= LONG } values %lives) {
        my $middle = @$life / 2;

        push @{ $halves[0] }, [ @$life[0 .. $middle - 1] ];
        push @{ $halves[1] }, [ @$life[$middle .. $#$life] ];
    }

    return @halves ? min(map { _slope(@$_) // return undef } @halves) : undef;
}

# The same of what Redis says of itself.
sub redis_growth ($self, $what, $from) {
    return _slope([ map { [ $_->{time}, $_->{$what} ] }
        grep { $_->{time} >= $from } @{ $self->{redis} } ]);
}

# The least and the most of it in Redis.
sub redis_range ($self, $what, $from) {
    my @values = sort { $a <=> $b }
        map { $_->{$what} } grep { $_->{time} >= $from } @{ $self->{redis} };

    return @values ? ($values[0], $values[-1]) : ();
}

# The median of the slopes of all pairs of a series (Theil-Sen).
sub _slope (@series) {
    my @slopes;

    for my $series (@series) {
        my @points = sort { $a->[0] <=> $b->[0] } @$series;

        for my $i (0 .. $#points) {
            for my $j (grep { $points[$_][0] - $points[$i][0] >= APART }
                $i + 1 .. $#points)
            {
                push @slopes, ($points[$j][1] - $points[$i][1])
                    / ($points[$j][0] - $points[$i][0]);
            }
        }
    }

    return @slopes > 10 ? 3600 * median(@slopes) : undef;
}

1;
