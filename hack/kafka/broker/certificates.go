package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certificates are PEM files of a throw-away CA: made anew for each data folder, valid for a year, for 127.0.0.1 and
// localhost, and where the brokers listen, but for those that say otherwise.
type certificates struct {
	CA         string // the CA's certificate
	OtherCA    string // that of a CA that has signed nothing
	ServerPEM  string // the brokers' key and certificate in one file, as Kafka's PEM key store wants it
	ExpiredPEM string // the same, expired an hour ago
	AliasPEM   string // the same, for kafka.invalid
	ClientCert string
	ClientKey  string
	// ExpiredCert is a client's that expired an hour ago.
	ExpiredCert, ExpiredKey string
}

func certificatesIn(dir string) certificates {
	in := func(name string) string { return filepath.Join(dir, name) }
	return certificates{
		CA: in("ca.crt"), OtherCA: in("other-ca.crt"),
		ServerPEM: in("server.pem"), ExpiredPEM: in("expired-server.pem"), AliasPEM: in("alias-server.pem"),
		ClientCert: in("client.crt"), ClientKey: in("client.key"), ExpiredCert: in("expired-client.crt"), ExpiredKey: in("expired-client.key"),
	}
}

// write makes the files; host is where the brokers listen, nil for 127.0.0.1 alone.
func (c certificates) write(host net.IP) error {
	ca, err := newAuthority("throw-away test CA")
	if err != nil {
		return err
	}
	other, err := newAuthority("another throw-away test CA")
	if err != nil {
		return err
	}
	files := map[string][]byte{c.CA: ca.pem, c.OtherCA: other.pem}
	for _, l := range []struct {
		name      string
		usage     x509.ExtKeyUsage
		until     time.Time
		host      string
		cert, key string // the same file for both
	}{
		{"broker", x509.ExtKeyUsageServerAuth, ca.cert.NotAfter, "localhost", c.ServerPEM, c.ServerPEM},
		{"expired broker", x509.ExtKeyUsageServerAuth, time.Now().Add(-time.Hour), "localhost", c.ExpiredPEM, c.ExpiredPEM},
		{"alias", x509.ExtKeyUsageServerAuth, ca.cert.NotAfter, "kafka.invalid", c.AliasPEM, c.AliasPEM},
		{"client", x509.ExtKeyUsageClientAuth, ca.cert.NotAfter, "localhost", c.ClientCert, c.ClientKey},
		{"expired client", x509.ExtKeyUsageClientAuth, time.Now().Add(-time.Hour), "localhost", c.ExpiredCert, c.ExpiredKey},
	} {
		cert, key, err := ca.leaf(int64(len(files)), l.name, l.usage, l.until, l.host, host)
		if err != nil {
			return err
		}
		files[l.key] = append(files[l.key], key...)
		files[l.cert] = append(files[l.cert], cert...)
	}
	for path, data := range files {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return fmt.Errorf("write a certificate: %w", err)
		}
	}
	return nil
}

// authority is a CA of its own.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(name string) (*authority, error) {
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().AddDate(0, 0, -2), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	pem, err := sign(cert, cert, key, key)
	return &authority{cert: cert, key: key, pem: pem}, err
}

// leaf signs a certificate that is valid until a time: for the host, and where that is localhost for 127.0.0.1 and, if it
// is not nil, at.
func (a *authority) leaf(serial int64, name string, usage x509.ExtKeyUsage, until time.Time, host string, at net.IP) (cert, key []byte, err error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: a.cert.NotBefore, NotAfter: until,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{usage},
		DNSNames:    []string{host},
	}
	if host == "localhost" {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
		if at != nil {
			template.IPAddresses = append(template.IPAddresses, at)
		}
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	cert, err = sign(template, a.cert, private, a.key)
	return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

func sign(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate of %s: %w", template.Subject.CommonName, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
