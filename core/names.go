package core

import (
	"meridian/api"
)

// named is a command that names what it writes. The service checks names in full; here a command that came past it is kept from
// stopping every core, since no table takes a key that is empty or longer than state.KeyMax.
type named interface{ names() []string }

// maxName is more than the longest name that the service lets through. A key may be made of three, with something between.
const maxName = 1200

// nameable refuses a command whose names no table would take.
func nameable(names ...string) *api.Error {
	for _, n := range names {
		if n == "" || len(n) > maxName {
			return api.Invalid("", "A name is missing, or has more than %d bytes.", maxName)
		}
	}
	return nil
}

func (c *createCartCmd) names() []string     { return []string{c.ID} }
func (c *putLineCmd) names() []string        { return []string{c.Cart} }
func (c *collectionRec) names() []string     { return []string{c.Handle} }
func (c *assetRec) names() []string          { return []string{c.Name} }
func (c *createCustomerCmd) names() []string { return []string{c.ID, c.EmailHash, c.TokenHash} }
func (c *openSessionCmd) names() []string    { return []string{c.TokenHash} }
func (c *staffRec) names() []string          { return []string{c.Email} }
func (c *renewEdgeCmd) names() []string      { return []string{c.Edge} }
func (c *cutSliceCmd) names() []string       { return []string{c.Consumer} }
func (c *ackSliceCmd) names() []string       { return []string{c.Consumer} }
func (c *stageImportCmd) names() []string    { return []string{c.ID} }
func (c *putMemberCmd) names() []string      { return []string{c.ID} }
func (c *joinOutboxCmd) names() []string     { return []string{c.Name} }
func (c *putRoomCmd) names() []string        { return []string{c.ID} }
func (c *publishTableCmd) names() []string   { return []string{c.Version, c.Key} }
func (c *reserveCmd) names() []string        { return []string{c.Order, c.Cart, c.Person} }

// Names that may be missing are held against the bound only.
func (c *patchCustomerCmd) names() []string { return []string{c.ID, "-" + c.EmailHash} }
func (c *feedCmd) names() []string          { return []string{"-" + c.Source} }

func (c *eraseTracesCmd) names() []string {
	all := []string{"-" + c.Customer}
	for _, id := range c.Orders {
		all = append(all, "-"+id)
	}
	return all
}

func (c *putProductsCmd) names() []string {
	var all []string
	for _, p := range c.Products {
		all = append(all, p.Handle)
		for _, v := range p.Variants {
			all = append(all, v.SKU)
		}
	}
	return all
}
