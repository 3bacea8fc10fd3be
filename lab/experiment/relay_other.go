//go:build !linux

package experiment

import "time"

func nap(d time.Duration) { time.Sleep(d) }
