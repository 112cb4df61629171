# The part of the relay that most requests do not need: starts Node where there is no worker, passes bodies of any size, both ways at
# once, and sees to workers that end early. opening.ts sets @node and @missing before it. Continues relay.pl, with its variables.

# Bytes of the body that are still to be read.
my $left = $ENV{CONTENT_LENGTH} =~ tr/0-9//c ? 0 : $ENV{CONTENT_LENGTH} + 0;
my ($has_read, $has_answered) = (0, $has_ended);
# Whether bytes for the worker have been lost.
my $is_broken;
my $status = 0;

# Where descriptor 0 is closed, Perl opens the script as this number: it is no body.
my ($input, $script) = map { join ' ', (stat)[0, 1] } *STDIN, $0;
$left = 0 if $input eq $script;

start_node() unless $is_connected;
$upward .= record(5, '') unless $left || $ENV{CONTENT_LENGTH} + 0 == 0;
$SIG{PIPE} = 'IGNORE';
my $worker = fileno WORKER;
take_records() unless $has_ended;
until ($has_ended && $downward eq '' && !$left) {
  my ($readable, $writable) = ('', '');
  vec($readable, 0, 1) = 1 if $left && length $upward < 65536;
  vec($readable, $worker, 1) = 1 if !$has_ended && length $downward < 65536;
  vec($writable, 1, 1) = 1 if $downward ne '';
  vec($writable, $worker, 1) = 1 if $upward ne '';
  if (select($readable, $writable, undef, undef) < 0) {
    next if is_temporary();
    exit 1;
  }

  if (vec $writable, $worker, 1) {
    # MSG_DONTWAIT, MSG_NOSIGNAL
    my $count = send WORKER, $upward, 0x4040;
    $upward = substr $upward, $count if defined $count;
    # A worker that takes no more may have answered: its answer is read in any case. One that waits for the rest must not take what
    # comes later for it.
    unless (defined $count || is_temporary()) {
      ($is_broken, $upward) = (1, '');
      # SHUT_WR
      shutdown WORKER, 1;
    }
  }

  if (vec $readable, 0, 1) {
    my $count = sysread STDIN, my $block, $left < 65535 ? $left : 65535;
    if (defined $count || !is_temporary()) {
      $has_read = 1;
      $left = $count ? $left - $count : 0;
      $upward .= record(5, $block) if $count && !$has_ended && !$is_broken;
      $upward .= record(5, '') unless $left || $has_ended || $is_broken;
    }
  }

  if (vec $readable, $worker, 1) {
    my $count = sysread WORKER, $received, 65536, length $received;
    take_records() if $count;
    give_up('has ended') unless $has_ended || $count || !defined $count && is_temporary();
  }

  # The server may send all of the body before it reads: until then no write may wait for it. A pipe that is writable takes 4 KiB.
  if ($downward ne '' && (!$left || vec $writable, 1, 1)) {
    my $count = syswrite STDOUT, $downward, $left ? 4096 : length $downward;
    $downward = substr $downward, $count if defined $count;
    # The worker finds its connection closed.
    unless (defined $count || is_temporary()) {
      # EPIPE, ECONNRESET: the client has left.
      syswrite STDERR, "warm: the response could not be written: $!\n" unless $! == 32 || $! == 104;
      exit 1;
    }
  }
}
exit $status;

# Takes the records that have arrived whole: STDOUT, STDERR and END_REQUEST.
sub take_records {
  while (!$has_ended && length $received >= 8) {
    my ($type, $length, $padding) = unpack 'xCxxnC', $received;
    last if length $received < 8 + $length + $padding;
    my $content = substr $received, 8, $length;
    $received = substr $received, 8 + $length + $padding;
    if ($type == 6) {
      $downward .= $content;
      $has_answered ||= $length;
    }
    syswrite STDERR, $content if $type == 7;
    if ($type == 3) {
      ($status, my $refusal) = unpack 'NC', $content;
      $status &= 255;
      end();
      give_up('takes no more requests') if $refusal;
    }
  }
}

# Nothing more comes from the worker. Some servers lose the response of a script that leaves the body unread, so the rest of it is
# dropped, up to 64 MiB as in the gateway.
sub end {
  $has_ended = 1;
  $upward = '';
  $left = 67108864 if $left > 67108864;
}

# Ends a request that the worker has not answered to the end. Node answers it if nothing has been done that must not be done twice.
sub give_up {
  my ($fault) = @_;
  start_node() if !$has_read && !$has_answered && $ENV{REQUEST_METHOD} =~ /^(?:GET|HEAD)\z/;
  my $when = $has_answered ? 'in the middle of its response' : 'before its response';
  syswrite STDERR, "warm: the worker $fault $when\n";
  $downward = server_error() unless $has_answered;
  end();
  $status = 1;
}

# Starts Node with this script, in place of this process. Nothing of the request has been read, and nothing of a response written.
sub start_node {
  $SIG{PIPE} = 'DEFAULT';
  $ENV{RUN_WITH_CGI_WARM} = $address if $is_for_worker;
  ($ENV{RUN_WITH_CGI_ENVIRON} = environment()) =~ tr/\0\n/\n / if $may_repeat;
  # The shell looks into more folders than Perl does where there is no PATH.
  my @places = defined $ENV{PATH} || $node[0] =~ m{/} ? '' : ('/usr/local/bin/', '/usr/bin/', '/bin/');
  exec { $_ . $node[0] } @node, $0, @ARGV for @places;
  syswrite STDERR, join($ENV{PATH}, @missing) . "\n";
  syswrite STDOUT, server_error();
  exit 1;
}

sub server_error {
  my $head = "Status: 500 Internal Server Error\r\nContent-Type: text/plain\r\nContent-Length: 26\r\n\r\n";
  return $ENV{REQUEST_METHOD} eq 'HEAD' ? $head : "${head}500 Internal Server Error\n";
}

# Returns a record of FastCGI.
sub record {
  my ($type, $content) = @_;
  return pack('CCnnxx', 1, $type, 1, length $content) . $content;
}

# Whether the last system call failed for now only: EINTR, EAGAIN.
sub is_temporary {
  return $! == 4 || $! == 11;
}
