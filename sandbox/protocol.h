/* SPDX-License-Identifier: MIT */
/*
 * The conversations of the sandbox, in words of base/fields.h.
 *
 * 1. harness <-> spawner, packets (one field list each) on a SOCK_SEQPACKET pair
 *    that the supervisor keeps open, so either side may be restarted.  Requests
 *    carry `request`, chosen by the asker, never repeated in a store's life;
 *    replies repeat it, and the harness ignores (and closes the descriptors of)
 *    replies that it did not ask for.
 *
 *	-> do=open request session workspace       makes the sandbox or finds the living one
 *	<- request instance fresh=0|1  + 1 descriptor: a byte stream to its hands
 *	<- request error step=STEP                  a sentence, and the confinement step that failed
 *	-> do=discard session                       kills it; no reply
 *	-> do=list request  <- request session=… instance=… (repeated pairs)
 *	<- do=hello generation                      a spawner has (re)started: nothing older lives
 *
 * 2. harness <-> hands, frames on the byte stream (any stream will do: this is
 *    how hands on another machine are reached).
 *
 *	<- say=hello protocol=1 instance, then `call` once for each call id it still remembers
 *	-> do=execute call tool timeout_ms input    input: the packed parameters (param_pack)
 *	<- say=result call is_error=0|1 text started_us ended_us
 *	-> do=acknowledge call                      the result is in the log; forget it
 *	-> do=interrupt call                        end it; its result comes as an error
 *	-> do=ping  <- say=pong
 *
 *    `execute` is idempotent by call id: a running call is not started again, a
 *    finished one answers with the remembered result, on whatever stream asked
 *    last.  Results are text, valid UTF-8, at most TOOL_RESULT_BYTES_MAX.
 *    A stream's end means nothing: calls go on.
 *
 * 3. spawner -> hands, packets on the control socket that the hands begin with
 *
 *	-> do=stream  + 1 descriptor                a new stream for conversation 2; hello on it.
 *	                                            Older ones stay until their other end closes
 *    End of file: the spawner is gone or discards the sandbox; exit.
 */
#pragma once

enum {
	SANDBOX_PROTOCOL = 1,
	SANDBOX_PACKET_MAX = 64 << 10, /* harness <-> spawner */
	SANDBOX_REQUEST_MAX = 127, /* bytes of a request's name */
	SANDBOX_CALLS_MAX = 64, /* calls that one hands remembers or runs; more are answered with an error */
	TOOL_TIMEOUT_MS_DEFAULT = 120 * 1000,
	TOOL_TIMEOUT_MS_MAX = 600 * 1000,
};
