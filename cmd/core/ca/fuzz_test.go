package ca

import (
	"crypto/tls"
	"testing"

	"meridian/internal/nodetls"
)

// insecure trusts everybody and shows nothing.
func insecure() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{nodetls.ProtocolHTTP}}
}

// FuzzToken: a token that is read has one text, and names somebody who may have a certificate.
func FuzzToken(f *testing.F) {
	f.Add(newToken(f, newCA(f), "core", "core-4").String())
	f.Add("meridian-join-1.")
	f.Add("meridian-join-1.e30")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		tok, err := ParseToken(s)
		if err != nil {
			return
		}
		if again, err := ParseToken(tok.String()); err != nil || again != tok {
			t.Errorf("%q reads as %+v, and its text as %+v: %v", s, tok, again, err)
		}
		if err := tok.Identity().Validate(); err != nil {
			t.Error(err)
		}
	})
}

// FuzzCSR: whatever is sent, nothing but a good key comes out of it, and such a key can be certified.
func FuzzCSR(f *testing.F) {
	a := newCA(f)
	f.Add(newCSR(f))
	f.Add("-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, csr string) {
		public, err := ParseCSR(csr)
		if err != nil {
			return
		}
		cert, err := a.Issue(public, nodetls.Identity{Role: "edge", Name: "edge-1"}, NodeLife, "fuzz")
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := ParseCertificate(cert)
		if err != nil {
			t.Fatal(err)
		}
		if err := leaf.CheckSignatureFrom(a.cert); err != nil {
			t.Error(err)
		}
	})
}
