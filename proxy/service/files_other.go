//go:build !unix

package service

import "log/slog"

func warnOfFiles(*slog.Logger, int) {}
