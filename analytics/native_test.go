package analytics

import (
	"bytes"
	"context"
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
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meridian/internal/loopback"
)

// TestNative speaks the native protocol, packed with LZ4, over TLS, with a ClickHouse server of whatever version is installed. Debian's is of
// 2018: it knows the protocol, and not the types of our tables.
func TestNative(t *testing.T) {
	t.Parallel()
	binary, err := exec.LookPath("clickhouse-server")
	if err != nil {
		t.Skip("needs a ClickHouse server: install Debian's package clickhouse-server, or a newer one")
	}
	plain, secure, ca := startServer(t, binary)
	for name, cfg := range map[string]Config{
		"plain": {Addr: "clickhouse://" + plain},
		"TLS":   {Addr: "clickhouse://" + secure + "?secure=true", CAFile: ca},
	} {
		cfg.Dir, cfg.Edge = t.TempDir(), "edge-a"
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		hosts, err := cfg.hosts()
		if err != nil {
			t.Fatal(err)
		}
		w, err := dial(&cfg, hosts[0], "default")
		if err != nil {
			t.Fatal(err)
		}
		defer w.close()
		execOn(t, w, "DROP TABLE IF EXISTS words")
		execOn(t, w, "CREATE TABLE words (n UInt64, word String) ENGINE = MergeTree ORDER BY n")
		batch, err := w.conn.PrepareBatch(t.Context(), "INSERT INTO words (n, word)")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		const rows = 20_000
		for i := range uint64(rows) {
			if err := batch.Append(i, strings.Repeat(fmt.Sprint(i%7), 100)); err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n := number(t, w, "SELECT count() FROM words WHERE length(word) = 100 AND startsWith(word, toString(n % 7))"); n != rows {
			t.Errorf("%s: %d rows", name, n)
		}
	}
	stranger := Config{Addr: "clickhouse://" + secure + "?secure=true", Dir: t.TempDir(), Edge: "edge-a"}
	if w, err := openWarehouse(t.Context(), &stranger, 0); err == nil {
		w.close()
		t.Error("an unknown authority was believed")
	} else if !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
}

// startServer runs a server on loopback with a certificate of its own, and gives its ports for the native protocol and the authority.
func startServer(t *testing.T, binary string) (plain, secure, ca string) {
	t.Helper()
	addrs, err := loopback.Addresses(3)
	if err != nil {
		t.Fatal(err)
	}
	var host string
	var listen []any
	for _, a := range addrs {
		h, port, err := net.SplitHostPort(a)
		if err != nil {
			t.Fatal(err)
		}
		host, listen = h, append(listen, port)
	}
	listen = append(listen, host)
	dir := t.TempDir()
	ca = writeCertificate(t, dir, host)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("users.xml", `<yandex><profiles><default/></profiles><quotas><default/></quotas>
		<users><default><password/><networks><ip>127.0.0.0/8</ip></networks><profile>default</profile><quota>default</quota></default></users></yandex>`)
	write("config.xml", fmt.Sprintf(`<yandex><listen_host>%[4]s</listen_host><tcp_port>%[1]s</tcp_port><tcp_port_secure>%[2]s</tcp_port_secure><http_port>%[3]s</http_port>
		<path>data/</path><tmp_path>tmp/</tmp_path><users_config>users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
		<mark_cache_size>100000000</mark_cache_size><logger><level>warning</level><console>1</console></logger>
		<openSSL><server><certificateFile>ca.pem</certificateFile><privateKeyFile>key.pem</privateKeyFile><verificationMode>none</verificationMode></server></openSSL></yandex>`, listen...))
	cmd := exec.Command(binary, "--config-file=config.xml")
	cmd.Dir = dir
	said := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the server said: %s", said)
		}
	})
	eventually(t, "the server answers", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addrs[1])
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return addrs[0], addrs[1], ca
}

// writeCertificate makes a certificate for a host and its key.
func writeCertificate(t *testing.T, dir, host string) (path string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "clickhouse"}, IPAddresses: []net.IP{net.ParseIP(host)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*pem.Block{"ca.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "ca.pem")
}
