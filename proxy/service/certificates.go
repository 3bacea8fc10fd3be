package service

import (
	"crypto/tls"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// certificates keeps the TLS configuration of a listener and makes it anew from
// the files when they have changed, so that a renewal needs no restart.
type certificates struct {
	files   ListenerTLS
	current atomic.Pointer[tls.Config]
	stamp   string // of the files, when they were last read, well or not
}

// newCertificates reads the files of a listener; nil without a certificate.
func newCertificates(files ListenerTLS) (*certificates, error) {
	if files.Cert == "" {
		return nil, nil
	}
	c := &certificates{files: files}
	if _, err := c.reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// reload reads the files again. With an error what was there stays in use.
func (c *certificates) reload() (*tls.Config, error) {
	c.stamp = c.stampNow()
	pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		return nil, fmt.Errorf("service: certificate %s, key %s: %w", c.files.Cert, c.files.Key, err)
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if c.files.ClientCA != "" {
		if cfg.ClientCAs, err = readCAs(c.files.ClientCA); err != nil {
			return nil, fmt.Errorf("service: client CAs: %w", err)
		}
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
	}
	c.current.Store(cfg)
	return cfg, nil
}

// changed reports whether a file is another than when they were last read.
func (c *certificates) changed() bool { return c.stamp != c.stampNow() }

// stampNow tells versions of the files apart. A symbolic link that points to
// another file, as Kubernetes replaces secrets, is a change too.
func (c *certificates) stampNow() string {
	var b strings.Builder
	for _, name := range []string{c.files.Cert, c.files.Key, c.files.ClientCA} {
		if info, err := os.Stat(name); err == nil {
			b.WriteString(strconv.FormatInt(info.ModTime().UnixNano(), 36) + "." + strconv.FormatInt(info.Size(), 36))
		}
		b.WriteByte('/')
	}
	return b.String()
}

// serverConfig is the configuration to listen with: each handshake asks it for
// the newest one. Keys of session tickets live in it, so that a resumption
// survives a reload.
func (c *certificates) serverConfig() *tls.Config {
	cfg := c.current.Load().Clone()
	cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load(), nil }
	return cfg
}

// leaf describes the certificate in use for the log.
func (c *certificates) leaf() []any {
	cert := c.current.Load().Certificates[0].Leaf
	if cert == nil {
		return nil
	}
	return []any{"subject", cert.Subject.String(), "not_after", cert.NotAfter}
}
