# Authorities of a test's own, and certificates that they sign.

package Vstream::Certificates;

use v5.36;

use Carp qw(croak);
use IO::Socket::SSL::Utils;


# A certificate authority whose files are in `folder`.
sub new ($class, $folder, $name) {
    my ($cert, $key) = CERT_create(CA => 1,
        subject => { commonName => "vstream test CA $name" });
    my $self = bless { folder => $folder, name => $name, cert => $cert,
        key => $key }, $class;

    PEM_cert2file($cert, $self->file);

    return $self;
}

# Its own certificate, for those who are to trust it.
sub file ($self) { return "$self->{folder}/$self->{name}.ca.pem" }

# Signs a certificate; returns its file and its key's.  Options: names,
# addresses (what it is for; localhost and 127.0.0.1), valid (seconds from now
# on, a day; negative: it has expired), client.
sub issue ($self, $name, %options) {
    my $file = "$self->{folder}/$self->{name}.$name";
    my @names = @{ $options{names} // ['localhost'] };
    my @addresses = @{ $options{addresses} // ['127.0.0.1'] };
    my $now = time;
    my ($cert, $key) = CERT_create(
        issuer => [ $self->{cert}, $self->{key} ],
        subject => { commonName => $name },
        subjectAltNames => [ (map { [ DNS => $_ ] } @names),
            map { [ IP => $_ ] } @addresses ],
        not_before => $now - 20 * 86400,
        not_after => $now + ($options{valid} // 86400),
        purpose => $options{client} ? 'client' : 'server');

    PEM_cert2file($cert, "$file.pem");
    PEM_key2file($key, "$file.key");
    chmod 0600, "$file.key" or croak "$file.key: $!";

    return ("$file.pem", "$file.key");
}

1;
