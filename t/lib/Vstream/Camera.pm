# What vstream-ingest does for one camera, by hand: declares it, publishes
# pushed frames, adds stills, writes the status.  Epoch and seq are the
# test's to set, so that it may also do what no rightful owner does.

package Vstream::Camera;

use v5.36;

use Time::HiRes qw(time);
use Vstream::Jpeg;


# Options: prefix, epoch, seq, width, height, size (of its pictures).
sub new ($class, $redis, $id, %options) {
    return bless {
        redis => $redis, client => $redis->connect, id => $id,
        prefix => 'vs', epoch => int(time() * 1000), seq => 0, width => 16,
        height => 16, size => 0, %options,
    }, $class;
}

sub id ($self)    { return $self->{id} }
sub epoch ($self) { return $self->{epoch} }
sub seq ($self)   { return $self->{seq} }

# The id of the newest frame, as in an ETag.
sub frame_id ($self) { return "$self->{epoch}-$self->{seq}" }

sub key ($self, $what) { return "$self->{prefix}:{$self->{id}}:$what" }

# Redis was started again.
sub reconnect ($self) {
    $self->{client} = $self->{redis}->connect;
    return $self;
}

sub declare ($self, $json = '{"source":"test:","origin":"tests"}') {
    $self->{client}->command('HSET', "$self->{prefix}:{_}:cameras",
        $self->{id}, $json);
    return $self;
}

sub withdraw ($self) {
    $self->{client}->command('HDEL', "$self->{prefix}:{_}:cameras",
        $self->{id});
    return $self;
}

# A picture that says which it is: `<id> <epoch>-<seq>`.
sub picture ($self) {
    return Vstream::Jpeg->with_text("$self->{id} " . $self->frame_id,
        $self->{size});
}

# The line in front of a pushed frame.
sub line ($self, $age_ms = 0) {
    return join(' ', $self->{epoch}, $self->{seq},
        int(time() * 1e6) - 1000 * $age_ms, $self->{width},
        $self->{height}) . "\n";
}

# Pushes the next frame.  Options: jpeg, age_ms, line, rendition.  Returns how
# many nginx workers have got it.
sub push_frame ($self, %options) {
    $self->{seq}++;

    my $jpeg = $options{jpeg} // $self->picture;

    $self->{jpeg} = $jpeg;

    return $self->{client}->command('SPUBLISH',
        $self->channel($options{rendition}),
        ($options{line} // $self->line($options{age_ms} // 0)) . $jpeg);
}

# Where frames of a rendition are pushed; main, if it is not given.
sub channel ($self, $rendition = undef) {
    return $self->key(join ':', 'frame',
        grep { defined && $_ ne 'main' } $rendition);
}

# Adds the next frame as a still.  Options: jpeg, age_ms, rendition.
sub add_still ($self, %options) {
    $self->{seq}++;

    my $jpeg = $options{jpeg} // $self->picture;

    $self->{jpeg} = $jpeg;
    $self->{client}->command('XADD', $self->key('still'), 'MAXLEN', 2,
        $self->frame_id, 't',
        int(time() * 1e6) - 1000 * ($options{age_ms} // 0),
        'w', $self->{width}, 'h', $self->{height},
        (map { (rendition => $_) } grep { defined } $options{rendition}),
        'jpeg', $jpeg);

    return $self;
}

# Pushes the next frame and makes it the still, too, as ingest does.
sub publish ($self, %options) {
    $self->add_still(%options);
    $self->{seq}--;
    return $self->push_frame(%options);
}

# The JPEG that was published last.
sub jpeg ($self) { return $self->{jpeg} }

sub set_status ($self, %fields) {
    $self->{client}->command('DEL', $self->key('status'));
    $self->{client}->command('HSET', $self->key('status'), %fields)
        if %fields;
    return $self;
}

# nginx workers that are subscribed to a rendition.
sub watchers ($self, $rendition = undef) {
    return $self->{redis}->subscribers($self->channel($rendition));
}

1;
