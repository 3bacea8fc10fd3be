//go:build !linux

package engine

func newPoller(l *Loop, _ bool) (poller, error) { return newPortable(l), nil }

func closeFD(int) {}

func outOfResources(error) bool { return false }
