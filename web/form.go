package web

import (
	"net/url"
	"strings"
)

// kind is the type attribute, text unless stated.
func (in input) kind() string {
	if in.Type == "" {
		return "text"
	}
	return in.Type
}

// describedBy lists the ids of the field's hint and error.
func (in input) describedBy(f Field) string {
	var ids []string
	if in.Hint != "" {
		ids = append(ids, "h-"+in.Name)
	}
	if f.Error != "" {
		ids = append(ids, "e-"+in.Name)
	}
	return strings.Join(ids, " ")
}

// folded says that the rarely needed fields hold something, so they must be seen.
func folded(v Checkout) bool {
	return v.Line2 != Field{} || v.State != Field{}
}

// chosen says whether entry i of a list of radio buttons is ticked: the selected one, or the first when none is.
func chosen(list []Choice, i int) bool {
	for _, c := range list {
		if c.Selected {
			return list[i].Selected
		}
	}
	return i == 0
}

// chosenLabel is the label of the ticked entry.
func chosenLabel(list []Choice) string {
	for i := range list {
		if chosen(list, i) {
			return list[i].Label
		}
	}
	return ""
}

func signInHeading(v SignIn) string {
	switch {
	case v.Staff:
		return "Staff sign-in"
	case v.Register:
		return "Open an account"
	}
	return "Sign in"
}

func signInAction(v SignIn) string {
	switch {
	case v.Staff:
		return "/admin/sign-in"
	case v.Register:
		return "/register"
	}
	return "/sign-in"
}

// otherWay leads from signing in to registering and back, keeping where to go afterwards.
func otherWay(v SignIn) string {
	path := "/register"
	if v.Register {
		path = "/sign-in"
	}
	if v.Next == "" {
		return path
	}
	return path + "?" + url.Values{"next": {v.Next}}.Encode()
}

func greeting(name string) string {
	if name == "" {
		return "Your account"
	}
	return "Hello, " + name
}
