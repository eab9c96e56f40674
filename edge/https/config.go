// Package https is the edge's own TLS towards shoppers: which versions and suites it speaks, and certificates out
// of files that are read again when they change.
//
// It promises that a file that cannot be used leaves in force what was good before, and is told once. It refuses
// everything below TLS 1.2 and suites without forward secrecy and authenticated encryption; HTTP/2 is for a
// terminator in front. Read Config and Files. Certificates that a CA issues by itself are package acme's.
package https

import "crypto/tls"

// HTTP11 is the application protocol of the shop's listener.
const HTTP11 = "http/1.1"

// Certificate chooses the certificate of a handshake.
type Certificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// Config is the configuration of a listener for browsers and programs. Beside HTTP/1.1 it speaks the protocols
// named. Keys of session tickets are made at the start and changed daily by crypto/tls: a session is resumed by
// the process it began with, and by no other.
func Config(certificate Certificate, protocols ...string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		// Of TLS 1.2; those of 1.3 cannot be chosen and need not be.
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		NextProtos:     append([]string{HTTP11}, protocols...),
		GetCertificate: certificate,
	}
}
