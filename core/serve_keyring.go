package core

import "context"

// EnsureKeyring names this node's key ring as the cluster's, if none is named. Only the leader can. It
// returns ErrKeyring if another one is.
func (s *Service) EnsureKeyring(ctx context.Context) error {
	if s.m.Keyring() == "" {
		if _, err := s.propose(ctx, cmdNameKeyring, keying{}, nameKeyringCmd{s.fingerprint}); err != nil {
			return err
		}
	}
	return s.m.RightKeyring(s.cfg.Keyring)
}

// rightKeyring refuses to serve with another key ring than the cluster's: what it sealed would be lost. A
// node that learns of it while it serves is about to stop.
func (s *Service) rightKeyring() error {
	if named := s.m.keyringName.Load(); named != nil && *named != s.fingerprint {
		return s.notLeader().WithCause(ErrKeyring)
	}
	return nil
}
