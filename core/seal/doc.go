// Package seal encrypts personal data, one key a person, before it enters a command: log, state,
// snapshots and backups hold ciphertext only. Read Keyring first, then Passwords.
//
// It promises: what was sealed for one person and purpose opens for that person and purpose only;
// a changed byte is found; when a person's wrapped key is destroyed, no one who has the rest can
// read the data again; the key that wraps the persons' keys can be rotated while everything stays
// readable; sealed data can be looked up by a keyed hash.
//
// It refuses: a key file that others may read, and password hashes that ask for more memory than
// the server would give. It hides neither the length of a value nor that two look-ups are for the
// same value.
//
// Formats (version byte first, golden vectors in the tests):
//
//	wrapped key   1, KEK id (uint32), nonce (24), XChaCha20-Poly1305 of the 32-byte data key (48)
//	sealed value  1, nonce (24), XChaCha20-Poly1305 of the value (length + 16)
//	password      PHC string, $argon2id$v=19$m=…,t=…,p=…$salt$hash
package seal
