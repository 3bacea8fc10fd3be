package cache

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certLife is longer than any run of the lab and shorter than any harm that a
// lost key could do.
const certLife = 7 * 24 * time.Hour

// identity is the server's certificate, signed by an authority that exists only
// for this run and whose key is forgotten as soon as it has signed.
type identity struct {
	ca                        []byte // PEM
	cert                      tls.Certificate
	caFile, certFile, keyFile string
	bundleFile                string // the system's authorities and ours
}

// newIdentity makes a certificate for host and writes what servers and
// handlers need into dir.
func newIdentity(dir, host string) (*identity, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Thaw lab, one run"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Thaw lab cache"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.ParseIP(host)}, DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	id := &identity{ca: pemBlock("CERTIFICATE", caDER)}
	certPEM, keyPEM := pemBlock("CERTIFICATE", der), pemBlock("PRIVATE KEY", keyDER)
	if id.cert, err = tls.X509KeyPair(certPEM, keyPEM); err != nil {
		return nil, err
	}
	return id, id.write(dir, certPEM, keyPEM)
}

func (id *identity) write(dir string, cert, key []byte) error {
	for _, f := range []struct {
		path *string
		name string
		data []byte
	}{
		{&id.certFile, "server.crt", cert},
		{&id.keyFile, "server.key", key},
		// Node.js adds the file to its own authorities; keep what the
		// developer's setup already adds.
		{&id.caFile, "ca.crt", append(readOptional(os.Getenv("NODE_EXTRA_CA_CERTS")), id.ca...)},
		{&id.bundleFile, "bundle.crt", append(systemRoots(), id.ca...)},
	} {
		*f.path = filepath.Join(dir, f.name)
		if err := os.WriteFile(*f.path, f.data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (id *identity) env() []string {
	return []string{
		"SSL_CERT_FILE=" + id.bundleFile,
		"NODE_EXTRA_CA_CERTS=" + id.caFile,
		"REQUESTS_CA_BUNDLE=" + id.bundleFile,
		"CURL_CA_BUNDLE=" + id.bundleFile,
		"AWS_CA_BUNDLE=" + id.bundleFile,
	}
}

// roots is the pool that trusts the server and nothing else.
func (id *identity) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(id.ca)
	return pool
}

// systemRoots reads the system's authorities, without which a handler that is
// given SSL_CERT_FILE could reach the cache and nothing else.
func systemRoots() []byte {
	// Where Go and OpenSSL look on the common systems.
	for _, path := range []string{
		os.Getenv("SSL_CERT_FILE"),
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
		"/etc/ssl/ca-bundle.pem",
		"/etc/ssl/cert.pem",
	} {
		if pem := readOptional(path); len(pem) > 0 {
			return pem
		}
	}
	return nil
}

// readOptional returns a file that ends in a line break, or nil if it cannot
// be read.
func readOptional(path string) []byte {
	if path == "" {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil || len(data) == 0 {
		return nil
	}
	return append(bytes.TrimRight(data, "\n"), '\n')
}

func pemBlock(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
