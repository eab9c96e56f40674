package core

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"meridian/api"
)

// sessionToken draws a token. Under an idempotency key it follows from the key, so that a repeat of a
// registration or sign-in answers with a token that works.
func (s *Service) sessionToken(k keying) string {
	if k.Key == "" {
		return newID(20)
	}
	return s.cfg.Keyring.LookupHash("session", k.Scope+"\x00"+k.Key+"\x00"+k.BodyHash)
}

func (s *Service) customersCreate(ctx context.Context, c *call, req api.NewCustomer) (reply, error) {
	k := s.key(c, c.scope(), req)
	var f fields
	email := f.email("email", req.Email)
	f.password("password", req.Password)
	f.text("name", req.Name, 100, true)
	if len(f) > 0 {
		return s.storeRefusal(ctx, k, api.InvalidFields(f))
	}
	wrapped, err := s.cfg.Keyring.NewPerson()
	if err != nil {
		return reply{}, api.Internal(err)
	}
	cmd := createCustomerCmd{ID: "u-" + newID(10), EmailHash: s.cfg.Keyring.LookupHash("email", email), Wrapped: wrapped}
	token := s.sessionToken(k)
	cmd.TokenHash = hashToken(token)
	if cmd.Profile, err = s.sealProfile(wrapped, profileData{req.Email, req.Name}); err != nil {
		return reply{}, err
	}
	if cmd.Password, err = s.passwords.Hash(ctx, req.Password); err != nil {
		return reply{}, api.NewError(api.CodeOverloaded, "Too many sign-ins at once. Try again in a moment.").WithCause(err)
	}
	r, err := s.propose(ctx, cmdCreateCustomer, k, cmd)
	if err != nil || r.status >= 400 {
		return r, err
	}
	id, err := as[string](r)
	if err != nil {
		return r, err
	}
	return s.sessionReply(r, id, token)
}

func (s *Service) sealProfile(wrapped []byte, p profileData) ([]byte, error) {
	plain, err := json.Marshal(p)
	if err != nil {
		return nil, api.Internal(err)
	}
	sealed, err := s.cfg.Keyring.Seal(wrapped, purposeProfile, plain)
	if err != nil {
		return nil, api.Internal(err)
	}
	return sealed, nil
}

func (s *Service) sessionReply(r reply, id, token string) (reply, error) {
	var v api.Customer
	var err error
	r.index = s.m.View(func() { v, err = s.customer(id) })
	if err != nil {
		return r, err
	}
	r.raw, r.value, r.status = nil, api.CustomerSession{Customer: v, Token: token}, 201
	return r, nil
}

func (s *Service) customer(id string) (api.Customer, error) {
	rec, ok := s.m.customers.Get(id)
	if !ok {
		return api.Customer{}, api.NewError(api.CodeNotFound, "There is no such account.")
	}
	var p profileData
	s.unseal(personOfCustomer(id), purposeProfile, rec.Profile, &p)
	return api.Customer{ID: id, Email: p.Email, Name: p.Name}, nil
}

func wrongPassword() *api.Error {
	return api.NewError(api.CodeUnauthorized, "The e-mail address or the password is wrong.")
}

func (s *Service) checkPassword(ctx context.Context, hash, password string) error {
	var ok bool
	var err error
	if hash == "" { // an unknown address costs as much time as a known one
		err = s.passwords.VerifyNobody(ctx, password)
	} else {
		ok, err = s.passwords.Verify(ctx, hash, password)
	}
	if ctx.Err() != nil {
		return api.NewError(api.CodeOverloaded, "Too many sign-ins at once. Try again in a moment.").WithCause(ctx.Err())
	}
	if err != nil || !ok {
		return wrongPassword()
	}
	return nil
}

func (s *Service) sessionsCreate(ctx context.Context, c *call, req api.SignIn) (reply, error) {
	var rec customerRec
	hash := s.cfg.Keyring.LookupHash("email", strings.ToLower(strings.TrimSpace(req.Email)))
	s.m.db.View(func() {
		if id, ok := s.m.emails.Get(hash); ok {
			rec, _ = s.m.customers.Get(id)
		}
	})
	if len(req.Password) > maxPassword {
		return reply{}, wrongPassword()
	}
	if err := s.checkPassword(ctx, rec.Password, req.Password); err != nil {
		return reply{}, err
	}
	k := s.key(c, "customer:"+rec.ID, req)
	token := s.sessionToken(k)
	r, err := s.propose(ctx, cmdOpenSession, k, openSessionCmd{TokenHash: hashToken(token), Customer: rec.ID})
	if err != nil {
		return r, err
	}
	return s.sessionReply(r, rec.ID, token)
}

func (s *Service) sessionsDelete(ctx context.Context, c *call, _ api.None) (reply, error) {
	_, token, _ := strings.Cut(c.Credential, ":")
	if token == "" {
		return reply{value: api.None{}, status: 200}, nil
	}
	return s.propose(ctx, cmdCloseSession, keying{}, closeSessionCmd{TokenHash: hashToken(token)})
}

func needCustomer(c *call) error {
	if c.customer == "" {
		return api.NewError(api.CodeUnauthorized, "Sign in to see your account.")
	}
	return nil
}

func (s *Service) customersMe(c *call, _ api.None) (api.Customer, error) {
	if err := needCustomer(c); err != nil {
		return api.Customer{}, err
	}
	return s.customer(c.customer)
}

func (s *Service) customersPatch(ctx context.Context, c *call, req api.CustomerPatch) (reply, error) {
	if err := needCustomer(c); err != nil {
		return reply{}, err
	}
	k := s.key(c, c.scope(), req)
	for { // until nobody else changes the account between the look at it and the command
		cmd, refusal := s.patchCommand(ctx, c, req)
		if refusal != nil && refusal.Code == api.CodeInvalid {
			return s.storeRefusal(ctx, k, refusal)
		}
		if refusal != nil {
			return reply{}, refusal
		}
		r, err := s.propose(ctx, cmdPatchCustomer, k, cmd)
		if errors.Is(err, errAccountChanged) && ctx.Err() == nil {
			continue
		}
		if err != nil || r.status >= 400 {
			return r, err
		}
		r.raw = nil
		r.index = s.m.View(func() { r.value, err = s.customer(c.customer) })
		return r, err
	}
}

func (s *Service) patchCommand(ctx context.Context, c *call, req api.CustomerPatch) (patchCustomerCmd, *api.Error) {
	var f fields
	var now api.Customer
	var rec customerRec
	var wrapped []byte
	s.m.db.View(func() {
		now, _ = s.customer(c.customer)
		rec, _ = s.m.customers.Get(c.customer)
		p, _ := s.m.persons.Get(personOfCustomer(c.customer))
		wrapped = p.Wrapped
	})
	cmd := patchCustomerCmd{ID: c.customer, Was: rec.Profile}
	profile := profileData{now.Email, now.Name}
	if req.Name != nil {
		f.text("name", *req.Name, 100, true)
		profile.Name = *req.Name
	}
	if req.Email != nil {
		cmd.EmailHash = s.cfg.Keyring.LookupHash("email", f.email("email", *req.Email))
		profile.Email = *req.Email
	}
	if req.Password != nil {
		f.password("password", *req.Password)
	}
	if len(f) > 0 {
		return cmd, api.InvalidFields(f)
	}
	var err error
	if req.Password != nil {
		if cmd.Password, err = s.passwords.Hash(ctx, *req.Password); err != nil {
			return cmd, api.NewError(api.CodeOverloaded, "Too many sign-ins at once. Try again in a moment.").WithCause(err)
		}
	}
	if wrapped == nil { // erased while this was under way
		return cmd, api.NewError(api.CodeNotFound, "There is no such account.")
	}
	if cmd.Profile, err = s.sealProfile(wrapped, profile); err != nil {
		return cmd, api.AsError(err)
	}
	return cmd, nil
}

func (s *Service) customersErase(ctx context.Context, c *call, req api.Traces) (reply, error) {
	if err := needCustomer(c); err != nil {
		return reply{}, err
	}
	cmd, err := s.eraseTraces(req)
	if err != nil {
		return reply{}, err
	}
	cmd.Customer = c.customer
	return s.propose(ctx, cmdEraseTraces, keying{}, cmd)
}

// ordersOf are a customer's orders, newest first, from a cursor.
func (m *Machine) ordersOf(customer, from string, fn func(o orderRec) bool) {
	prefix := customer + "\x00"
	if from == "" {
		from = prefix + "~"
	}
	m.orderOwner.Descend(from, func(k, id string) bool {
		if !strings.HasPrefix(k, prefix) {
			return false
		}
		o, ok := m.orders.Get(id)
		return !ok || fn(o)
	})
}

func (s *Service) customersOrders(c *call, q api.Page) (api.List[api.Order], error) {
	out := api.List[api.Order]{Items: []api.Order{}}
	if err := needCustomer(c); err != nil {
		return out, err
	}
	limit, refusal := limitOf(q)
	if refusal != nil {
		return out, refusal
	}
	skip := q.After != ""
	s.m.ordersOf(c.customer, "", func(o orderRec) bool {
		v := s.m.order(o, true)
		if skip {
			skip = v.Number != q.After
			return true
		}
		if len(out.Items) == limit {
			next := out.Items[limit-1].Number
			out.Next = &next
			return false
		}
		out.Items = append(out.Items, v)
		return true
	})
	if skip {
		return out, badCursor()
	}
	return out, nil
}

func (s *Service) customersExport(c *call, _ api.None) (api.CustomerExport, error) {
	if err := needCustomer(c); err != nil {
		return api.CustomerExport{}, err
	}
	v, err := s.customer(c.customer)
	rec, _ := s.m.customers.Get(c.customer)
	out := api.CustomerExport{Customer: v, CreatedAt: rfc(rec.CreatedMS), Orders: []api.StaffOrder{}}
	s.m.ordersOf(c.customer, "", func(o orderRec) bool {
		out.Orders = append(out.Orders, s.staffOrder(o))
		return true
	})
	return out, err
}

func (s *Service) staffSignIn(ctx context.Context, _ *call, req api.StaffSignIn) (reply, error) {
	var rec staffRec
	s.m.db.View(func() { rec, _ = s.m.staff.Get(strings.ToLower(strings.TrimSpace(req.Email))) })
	if len(req.Password) > maxPassword {
		return reply{}, wrongPassword()
	}
	if err := s.checkPassword(ctx, rec.Password, req.Password); err != nil {
		return reply{}, err
	}
	token := newID(20)
	r, err := s.propose(ctx, cmdOpenSession, keying{}, openSessionCmd{TokenHash: hashToken(token), Staff: rec.Email})
	if err != nil {
		return r, err
	}
	r.value = api.StaffIdentity{Email: rec.Email, Role: rec.Role, Token: token}
	return r, nil
}

// Staff is a member of staff to create.
type Staff struct {
	Email    string `json:"email"`
	Role     string `json:"role"`
	Password string `json:"password"`
	Token    string `json:"token"`
}

// EnsureStaff creates the members of staff that do not exist yet. Only the leader can.
func (s *Service) EnsureStaff(ctx context.Context, all []Staff) error {
	for _, p := range all {
		email := strings.ToLower(p.Email)
		known := false
		s.m.db.View(func() { _, known = s.m.staff.Get(email) })
		if known {
			continue
		}
		hash, err := s.passwords.Hash(ctx, p.Password)
		if err != nil {
			return err
		}
		if _, err := s.propose(ctx, cmdPutStaff, keying{}, staffRec{Email: email, Role: p.Role, Password: hash, TokenHash: hashToken(p.Token)}); err != nil {
			return err
		}
	}
	return nil
}

// KnowsStaff says whether every one of these can sign in.
func (s *Service) KnowsStaff(all []Staff) (known bool) {
	s.m.db.View(func() {
		known = true
		for _, p := range all {
			_, ok := s.m.staff.Get(strings.ToLower(p.Email))
			known = known && ok
		}
	})
	return known
}
