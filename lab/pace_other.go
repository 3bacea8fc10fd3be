//go:build !linux

package lab

import "time"

func raisePriority() {}

func nap(d time.Duration) { time.Sleep(d) }
