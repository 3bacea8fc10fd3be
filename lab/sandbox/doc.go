// Package sandbox runs one Lambda execution environment as local processes:
// start, init, invoke, freeze, thaw, reset, stop.
//
//	          Start                         Invoke
//	caller ────────────▶ Environment ◀──────────────────── caller
//	                          │  127.0.0.1:port, Runtime API (lab/runtimeapi)
//	     ┌────────────────────┼─────────────────────┐
//	     ▼                    ▼                     ▼
//	process group        control group         folder
//	the handler and      freezer, memory,      "/tmp" and HOME
//	what it forks        cpu, kill             of the environment
//
// An environment goes through these states; the words are those of State:
//
//	       Initialized              Invoke
//	init ──────────────▶ idle ◀───────────────▶ busy
//	  │                (frozen)      Done         │
//	  │ crash, error,     │                       │ timeout, crash
//	  │ time limit        │ exit                  ▼
//	  └───────────────────┴───────────────────▶ reset ──▶ busy: the next
//	                                              │       Invoke begins with
//	       Stop, from every state                 │       the suppressed init
//	any ─────────────────────────────▶ stopped ◀──┘
//
// What AWS does and this package copies: init has a limit of 10 s and is
// repeated inside the next invoke when it fails; the environment is frozen
// once the runtime and all extensions have asked for the next event; one
// timeout covers runtime and extensions; a timeout or a crash resets the
// environment, and its /tmp survives that; without extensions a shutdown is a
// SIGKILL with no notice (AWS, "Understanding the Lambda execution environment
// lifecycle").
//
// What no process on a laptop can copy is listed in Mechanisms.Notes.
package sandbox
