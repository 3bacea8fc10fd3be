// Package engine runs connections on event loops. It moves bytes and knows
// nothing of any protocol.
//
// An Engine has a few loops, one for each core, and nothing is shared between
// them: a connection lives on one loop from its first byte to its last, and all
// its callbacks run on the goroutine of that loop. So handlers need no locks, and
// work can be batched over all connections that had something to say:
//
//	turn of a loop
//	  wait      epoll, for at most as long as the next timer
//	  posts     what other goroutines asked for with Post, and new connections
//	  timers    that are due
//	  events    every readable connection is read once and its Data called;
//	            output that the kernel refused earlier is tried again
//	  end       functions given to AtEndOfTurn, closed connections are told
//	  writes    each connection written to in this turn, in one system call;
//	            those of Conn.WriteLast after up to two more turns
//
// A connection that holds nothing costs nothing: buffers belong to the loop, are
// lent while bytes are on their way and given back after.
//
// On Linux a loop waits with epoll (epoll_linux.go). Elsewhere, and with
// Options.Portable, a goroutine for each connection reads and hands what it read
// to the loop (portable.go): the same turns, callbacks and tests, at the cost of
// a goroutine and a buffer for each connection. The portable engine takes any
// net.Conn, net.Pipe too, and runs inside a testing/synctest bubble.
package engine
