package seal

import "testing"

// What version 1 wrote opens for ever. These vectors were also opened by another implementation of
// the algorithms.
const (
	goldenWrapped1 = "0100000001b4c909889e80eee0a0f9205275d1aadd5d108092ee3d8806ed159885c1c2a39ba603df91cc0e93b88ac42f2d05d7e56152bab2ae470c997485eb196ce40b8249bf81568c124615fc"
	goldenSealed1  = "01b74a1f1a6fe581186e845fc02599a360902e09d6179b6b957c1c0e57a7d384308a6f7c4cd9563e7f"
	goldenWrapped2 = "010000000235fb4bb9285389c8c90aa1b5730366a238dcf61c7c65fdea54d170ba7127ffa1c791e2ca16459c7def9ee7326f5dac9a45a40910b47bf4e3bd8bd4b69856218e659b80a39ef8f679"
	goldenSealed2  = "01e7eef85b5969debabb8f660b318a409dccd5d881b8c77b182d5f69e4708e527e481d4eb3850bce0ffd3716db7f3bdb7f0b3b7b1d47ce975f2ecf23db"
	goldenLookup   = "2599cc0a6fe5d48c2549a96c20dc5f885420728b1c1c5f119ffe285b0c5a24ec"
	goldenPrint    = "b5ad83eb1761609e"
	goldenHash     = "$argon2id$v=19$m=19456,t=2,p=1$1k0BCKQuOdoY2+OLJ0MiiQ$ZuHISaeu0AhXuWKztT/JjYw0VKMK2Svl7SzCrwaXI14"
	goldenHash2    = "$argon2id$v=19$m=64,t=3,p=2$WwTuRZ5lFTmbAvykA8Fcxw$cLetHnly2AcKqQ0We2hPz+XW2p6hfdTOhgXQA0hMJGI"
)

func TestGoldenVectors(t *testing.T) {
	k := goldenRing(t)
	mustOpen(t, k, unhex(t, goldenWrapped1), "order.mail", unhex(t, goldenSealed1), "")
	mustOpen(t, k, unhex(t, goldenWrapped2), "order.address", unhex(t, goldenSealed2), "12 St James's Square")
	if got := k.LookupHash("mail", "ada@example.org"); got != goldenLookup {
		t.Errorf("look-up %s", got)
	}
	if got := k.Fingerprint(); got != goldenPrint {
		t.Errorf("fingerprint %s", got)
	}
	for hash, password := range map[string]string{goldenHash: "correct horse", goldenHash2: "pässword"} {
		if ok, err := VerifyPassword(hash, password); err != nil || !ok {
			t.Errorf("%s: %v, %v", hash, ok, err)
		}
	}
	if fresh := newPerson(t, k); len(fresh) != WrappedBytes || len(unhex(t, goldenWrapped1)) != WrappedBytes {
		t.Errorf("wrapped key of %d bytes", len(fresh))
	}
}

// FuzzOpen changes the wrapped key, the purpose and the sealed value: nothing but the original opens.
func FuzzOpen(f *testing.F) {
	k := goldenRing(f)
	wrapped, b := unhex(f, goldenWrapped2), unhex(f, goldenSealed2)
	f.Add(wrapped, "order.address", b)
	f.Add(wrapped, "order.mail", b)
	f.Add(unhex(f, goldenWrapped1), "order.mail", unhex(f, goldenSealed1))
	f.Add([]byte{}, "", []byte{})
	f.Add([]byte{1}, "p", []byte{1})
	f.Fuzz(func(t *testing.T, w []byte, purpose string, s []byte) {
		plain, err := k.Open(w, purpose, s)
		if err != nil {
			return
		}
		again, err := k.Seal(w, purpose, plain)
		if err != nil {
			t.Fatal(err)
		}
		mustOpen(t, k, w, purpose, again, string(plain))
	})
}
