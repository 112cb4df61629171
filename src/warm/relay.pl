# The relay of a warm script: passes the request of one CGI process on to the worker, by FastCGI over a Unix socket, and the response
# back. Perl runs it, at the head of the script. opening.ts sets $version before it, and puts relay-rest.pl behind it.
#
# Perl takes as long to compile these lines as to run them. So here is only what every request needs; whatever else happens is in
# relay-rest.pl, which Perl compiles when it comes to that. No module is loaded. The numbers are Linux's: elsewhere no worker
# starts, because it needs /proc. Both files are Perl 5.8, and have no "*" before a "/", since they are a comment for JavaScript.

# The path of the socket, as in shell-steps.ts: below the whole path of the script, since two copies of a script can have different
# environments.
my $private = ($ENV{TMPDIR} || '/tmp') . "/run-with-cgi-$>";
my $address = $private . (substr($0, 0, 1) eq '/' ? '' : readlink('/proc/self/cwd') . '/') . "$0.$version";
# Only Node knows which servers decode a chunked body.
my $is_for_worker = $ENV{REQUEST_METHOD} && ($ENV{CONTENT_LENGTH} || !$ENV{HTTP_TRANSFER_ENCODING});
# These servers give two variables of one name for two headers of one name: see KEEP_REPEATED in shell-line.ts.
my $may_repeat = $ENV{FCGI_ROLE} eq 'RESPONDER' || lc(substr $ENV{SERVER_SOFTWARE}, 0, 8) eq 'civetweb';
my $is_connected;
# Bytes that wait for the worker, bytes that wait for the server, and bytes of records from the worker.
my ($upward, $downward, $received) = ('', '', '');
my $has_ended;

if ($is_for_worker && ($is_connected = connect_to_worker())) {
  # BEGIN_REQUEST, in the role of a responder, and PARAMS.
  my $pairs = '';
  if ($may_repeat) { $pairs .= pair(split /=/, $_, 2) for split "\0", environment() }
  else { while (my @pair = each %ENV) { $pairs .= pair(@pair) } }
  $upward = pack 'NNnx6', 0x01010001, 0x00080000, 1;
  $upward .= pack 'Nnxxa*', 0x01040001, length, $_ for unpack '(a65535)*', $pairs;
  $upward .= pack 'Nx4', 0x01040001;
  unless ($ENV{CONTENT_LENGTH} + 0) {
    # The end of STDIN. ("00" is true in Perl.)
    $upward .= pack 'Nx4', 0x01050001;
    # MSG_NOSIGNAL
    my $count = send WORKER, $upward, 0x4000;
    substr($upward, 0, $count) = '';
    if ($upward eq '' && 8 <= sysread WORKER, $received, 65536) {
      # Most responses are one record of STDOUT, the end of that stream, and END_REQUEST.
      my $length = unpack 'x4n', $received;
      if (substr($received, 8 + $length) eq "\1\6\0\1\0\0\0\0\1\3\0\1\0\10\0\0\0\0\0\0\0\0\0\0") {
        $downward = substr $received, 8, $length;
        $count = syswrite STDOUT, $downward;
        exit 0 if $count == $length;
        substr($downward, 0, $count) = '';
        $has_ended = 1;
      }
    }
  }
}

# Connects WORKER. Returns false where no worker lives.
sub connect_to_worker {
  # The worker has a link to its folder of sockets, /proc/<pid>/fd/<number>, while it takes new requests. The address of a socket has
  # at most 107 bytes, and this path is short.
  my $folder = readlink "$address.pid" or return;
  my $socket = $folder . substr $address, rindex $address, '/';
  # Nobody else may have made the folder or the socket, or be able to replace them. A link is refused, too.
  my ($mode, $owner) = (lstat $private)[2, 4];
  return unless $owner == $> && ($mode & 0170077) == 0040000;
  lstat $socket;
  return unless -S _ && -o _;
  # AF_UNIX, SOCK_STREAM
  return socket(WORKER, 1, 1, 0) && connect WORKER, pack 'Sa*', 1, $socket;
}

# Returns a name-value pair of FastCGI. A length of four bytes has its first bit set.
sub pair {
  my ($name, $value) = @_;
  return pack 'NNa*a*', length($name) | 1 << 31, length($value) | 1 << 31, $name, $value;
}

# Returns the variables as the server has set them, each with a NUL behind it. %ENV has only one of two with the same name.
sub environment {
  my $bytes = '';
  open FILE, '/proc/self/environ';
  1 while sysread FILE, $bytes, 65536, length $bytes;
  return $bytes;
}
