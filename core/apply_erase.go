package core

import (
	"strings"

	"meridian/api"
)

// needsAddress says whether an order may still have to be sent somewhere.
func needsAddress(o orderRec) bool {
	switch o.Status {
	case api.OrderPendingPayment:
		return true
	case api.OrderPaid, api.OrderPartiallyFulfilled, api.OrderPartiallyRefunded:
		return waits(o)
	}
	return false
}

// applyEraseCustomer erases an account as logs of before say it. What it gives up of the clickstream is not noted.
func (m *Machine) applyEraseCustomer(c eraseCustomerCmd) (any, int, *api.Error) {
	out, _, refusal := m.eraseCustomer(c.ID)
	if refusal != nil {
		return nil, 0, refusal
	}
	return out, 200, nil
}

// eraseCustomer destroys the key that the customer's data is sealed with. Orders stay, as the books need
// them, without a name. Only the address of an order that is still to be sent is kept, and with it the
// key, until the order has left the house or is cancelled (eraseContact). It gives the traces that the
// orders no longer say.
func (m *Machine) eraseCustomer(id string) (out api.Erasure, gone []string, refusal *api.Error) {
	rec, ok := m.customers.Get(id)
	if !ok {
		return out, nil, api.NewError(api.CodeNotFound, "There is no such account.")
	}
	m.emails.Delete(rec.EmailHash)
	m.customers.Delete(id)
	var mine []string
	prefix := id + "\x00"
	m.orderOwner.Ascend(prefix, func(k, id string) bool {
		if !strings.HasPrefix(k, prefix) {
			return false
		}
		mine = append(mine, k, id)
		return true
	})
	out = api.Erasure{Kept: []string{}}
	for i := 0; i < len(mine); i += 2 {
		m.orderOwner.Delete(mine[i])
		o, ok := m.orders.Get(mine[i+1])
		if !ok {
			continue
		}
		gone = append(gone, o.Visitor, o.Session)
		o.Customer, o.Visitor, o.Session = "", "", ""
		if p, sealed := m.persons.Get(o.Person); sealed && needsAddress(o) {
			o.Erase = true
			p.Waiting++
			m.persons.Put(o.Person, p)
			out.Kept = append(out.Kept, orderNumber(o))
		} else {
			o.Contact = nil
		}
		m.orders.Put(o.ID, o)
	}
	if p, _ := m.persons.Get(personOfCustomer(id)); p.Waiting == 0 {
		m.persons.Delete(personOfCustomer(id))
	}
	return out, gone, nil
}

// eraseContact ends the wait of an order whose buyer was erased: its address goes, and with the last
// of them the key.
func (m *Machine) eraseContact(o *orderRec) {
	if !o.Erase || needsAddress(*o) {
		return
	}
	o.Erase, o.Contact = false, nil
	p, ok := m.persons.Get(o.Person)
	if p.Waiting--; ok && p.Waiting > 0 {
		m.persons.Put(o.Person, p)
		return
	}
	m.persons.Delete(o.Person)
}
