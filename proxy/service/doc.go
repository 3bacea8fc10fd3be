// Package service runs a proxy for a fleet: everything around package proxy that
// an operator deals with.
//
//	defaults ◀ file ◀ environment ◀ flags          SIGHUP, changed files
//	                    │                                  │
//	                 Config ─▶ Service ─▶ proxy.Proxy ◀─ certificates, users
//	                              │
//	                              └─▶ HTTP: /metrics /healthz /readyz /pins
//
// One table, in settings.go, names every setting once: its key in the file, its
// flag, its environment variable, its default and its range. The file that
// thaw proxy --print-config writes, the flags, the variables and the table in
// docs/proxy.md are made from it, so they cannot drift apart.
package service
