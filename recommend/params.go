package recommend

// Params are the parameters of the table. DESIGN.md says what they do and where their values come from.
type Params struct {
	Neighbours   int     // of each product in the table
	Sessions     int     // the newest so many sessions with a product count for it
	SessionItems int     // sessions with more products than this are left out
	SessionViews int     // of a longer session the last so many views count
	Steps        int     // views this far apart follow on each other
	Alpha        float64 // how much of the popularity of what was looked at is divided out; the rest is the neighbour's
	Shrink       float64 // sessions that are added to every product's, against chance
	Length       float64 // the power of a session's number of products that its weight is divided by
	Following    float64 // what following directly adds to being in one session, which is 1
	Preceding    float64 // the same for coming directly before
	Decay        float64 // over so many times the span of all sessions the weight of one falls to 1/e
}

// Default are the parameters that the shop uses.
func Default() Params {
	return Params{Neighbours: 50, Sessions: 300, SessionItems: 50, SessionViews: 200, Steps: 15, Alpha: 0.75, Shrink: 5,
		Length: 0.25, Following: 0.5, Preceding: 0.25, Decay: 1}
}

// Check reports what is wrong with parameters.
func (p Params) Check() error {
	for name, n := range map[string]int{"Neighbours": p.Neighbours, "Sessions": p.Sessions, "SessionItems": p.SessionItems, "SessionViews": p.SessionViews, "Steps": p.Steps} {
		if err := checkCount(name, n); err != nil {
			return err
		}
	}
	for name, x := range map[string]float64{"Alpha": p.Alpha, "Shrink": p.Shrink, "Length": p.Length, "Following": p.Following, "Preceding": p.Preceding, "Decay": p.Decay} {
		if err := checkFactor(name, x); err != nil {
			return err
		}
	}
	return checkShares(p.Decay, p.Alpha)
}
