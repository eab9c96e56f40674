package web

// The rules of Layout.Consent.
const (
	consentAsk     = "ask"
	consentAssumed = "assumed"
)

// privacyState says what the shop does with a browser.
func privacyState(v Privacy) string {
	if v.Remembered {
		return "This browser is remembered."
	}
	return "This browser is not remembered."
}

// privacyReason says why.
func privacyReason(v Privacy) string {
	switch {
	case v.Choice == "yes":
		return "You said yes."
	case v.Choice != "":
		return "You said no."
	case v.Unfollowed:
		return "It asks every site not to follow you, and we take that for a no."
	case v.Remembered:
		return "You have not chosen yet, and in this shop that counts as a yes."
	}
	return "You have not chosen yet, and that counts as a no."
}
