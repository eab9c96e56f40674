package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"meridian/test/bench/process"
)

// startPostgres starts a fresh PostgreSQL on loopback. Its defaults stay as they are: fsync and
// synchronous commit are on. It refuses to run as root, so root starts it as the user postgres.
func (v *vendure) startPostgres(ctx context.Context, port string) error {
	initdb, server := postgresProgram("initdb"), postgresProgram("postgres")
	if initdb == "" || server == "" {
		return errors.New("PostgreSQL is missing: install postgresql-15, or measure without the peer: --peer=none")
	}
	var err error
	if v.pgdir, err = os.MkdirTemp("", "meridian-bench-postgres-"); err != nil {
		return err
	}
	var as *syscall.SysProcAttr
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return fmt.Errorf("root cannot run PostgreSQL and there is no user postgres: %w", err)
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(v.pgdir, uid, gid); err != nil {
			return err
		}
		as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	run := func(path string, args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, path, args...)
		c.Dir, c.SysProcAttr = v.pgdir, as
		return c
	}
	data := filepath.Join(v.pgdir, "data")
	if out, err := run(initdb, "-D", data, "-A", "trust", "-U", "postgres").CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	v.postgres, err = process.Start(v.dir, "postgres", run(server, "-D", data, "-c", "listen_addresses=127.0.0.1", "-c", "port="+port,
		"-c", "unix_socket_directories=", "-c", "max_connections=300", "-c", "shared_buffers=512MB"))
	if err != nil {
		return err
	}
	isReady := postgresProgram("pg_isready")
	for deadline := time.Now().Add(time.Minute); ; {
		if run(isReady, "-h", "127.0.0.1", "-p", port).Run() == nil {
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("PostgreSQL did not start:\n%s", v.postgres.Tail())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// postgresProgram finds a program of PostgreSQL: on the path, or where Debian keeps it.
func postgresProgram(name string) string {
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

var peerClient = &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}

// graphql makes one call with a session's token, and answers with the token to go on with.
func (v *vendure) graphql(ctx context.Context, api, token, query string, variables map[string]any, out any) (string, error) {
	b, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return token, err
	}
	req, err := http.NewRequestWithContext(ctx, "POST", v.url+"/"+api, bytes.NewReader(b))
	if err != nil {
		return token, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := peerClient.Do(req)
	if err != nil {
		return token, err
	}
	defer res.Body.Close()
	if b, err = io.ReadAll(res.Body); err != nil {
		return token, err
	}
	if t := res.Header.Get("vendure-auth-token"); t != "" {
		token = t
	}
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Errors []any           `json:"errors"`
	}
	if err := json.Unmarshal(b, &answer); err != nil || len(answer.Errors) > 0 {
		return token, fmt.Errorf("status %d: %.300s", res.StatusCode, b)
	}
	return token, json.Unmarshal(answer.Data, out)
}

// setUp gives the shop a payment method that settles at once, and more stock than anyone can buy.
func (v *vendure) setUp(ctx context.Context) error {
	var none any
	token, err := v.graphql(ctx, "admin-api", "", `mutation($p:String!){login(username:"bench",password:$p){__typename}}`, map[string]any{"p": v.secret}, &none)
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	_, err = v.graphql(ctx, "admin-api", token, `mutation{createPaymentMethod(input:{code:"dummy",enabled:true,
		handler:{code:"dummy-payment-handler",arguments:[{name:"automaticSettle",value:"true"}]},
		translations:[{languageCode:en,name:"Dummy",description:""}]}){id}}`, nil, &none)
	if err != nil {
		return fmt.Errorf("create the payment method: %w", err)
	}
	var locations struct {
		StockLocations struct{ Items []struct{ ID string } }
	}
	var products struct {
		Products struct {
			Items []struct{ Variants []struct{ ID string } }
		}
	}
	if _, err := v.graphql(ctx, "admin-api", token, `{stockLocations{items{id}}}`, nil, &locations); err != nil {
		return err
	}
	if _, err := v.graphql(ctx, "shop-api", "", `{products(options:{take:100}){items{variants{id}}}}`, nil, &products); err != nil {
		return err
	}
	var input []any
	for _, p := range products.Products.Items {
		for _, variant := range p.Variants {
			v.variants = append(v.variants, variant.ID)
			input = append(input, map[string]any{"id": variant.ID, "trackInventory": "TRUE",
				"stockLevels": []any{map[string]any{"stockLocationId": locations.StockLocations.Items[0].ID, "stockOnHand": units}}})
		}
	}
	if len(input) == 0 {
		return errors.New("the seeded shop has no products")
	}
	_, err = v.graphql(ctx, "admin-api", token, `mutation($i:[UpdateProductVariantInput!]!){updateProductVariants(input:$i){id}}`, map[string]any{"i": input}, &none)
	return err
}

// buy is a purchase as its storefront makes it: seven calls.
func (v *vendure) buy(ctx context.Context, email, variant string) error {
	token := ""
	var methods []struct{ ID string }
	step := func(name, query string, variables map[string]any) error {
		var data map[string]json.RawMessage
		t, err := v.graphql(ctx, "shop-api", token, query, variables, &data)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		token = t
		if name == "eligibleShippingMethods" {
			return json.Unmarshal(data[name], &methods)
		}
		var result struct{ ErrorCode, Message, TransitionError, State string }
		if err := json.Unmarshal(data[name], &result); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if result.ErrorCode != "" {
			return fmt.Errorf("%s: %s: %s %s", name, result.ErrorCode, result.Message, result.TransitionError)
		}
		if name == "addPaymentToOrder" && result.State != "PaymentSettled" {
			return fmt.Errorf("the order is %s after its payment", result.State)
		}
		return nil
	}
	const refused = ` ...on ErrorResult{errorCode message}`
	input := func(in map[string]any) map[string]any { return map[string]any{"i": in} }
	for _, s := range []struct {
		name, query string
		variables   func() map[string]any
	}{
		{"addItemToOrder", `mutation($v:ID!){addItemToOrder(productVariantId:$v,quantity:1){__typename ...on Order{id totalQuantity totalWithTax}` + refused + `}}`,
			func() map[string]any { return map[string]any{"v": variant} }},
		{"setCustomerForOrder", `mutation($i:CreateCustomerInput!){setCustomerForOrder(input:$i){__typename ...on Order{id}` + refused + `}}`,
			func() map[string]any {
				return input(map[string]any{"firstName": "A", "lastName": "Shopper", "emailAddress": email})
			}},
		{"setOrderShippingAddress", `mutation($i:CreateAddressInput!){setOrderShippingAddress(input:$i){__typename ...on Order{id}` + refused + `}}`,
			func() map[string]any {
				return input(map[string]any{"fullName": "A Shopper", "streetLine1": "1 Queue Street", "city": "Hamburg", "postalCode": "20457", "countryCode": "DE"})
			}},
		{"eligibleShippingMethods", `{eligibleShippingMethods{id name priceWithTax}}`, func() map[string]any { return nil }},
		{"setOrderShippingMethod", `mutation($i:[ID!]!){setOrderShippingMethod(shippingMethodId:$i){__typename ...on Order{id totalWithTax}` + refused + `}}`,
			func() map[string]any { return map[string]any{"i": []any{methods[0].ID}} }},
		{"transitionOrderToState", `mutation{transitionOrderToState(state:"ArrangingPayment"){__typename ...on Order{id state} ...on OrderStateTransitionError{errorCode message transitionError}}}`,
			func() map[string]any { return nil }},
		{"addPaymentToOrder", `mutation{addPaymentToOrder(input:{method:"dummy",metadata:{}}){__typename ...on Order{id code state}` + refused + ` ...on OrderStateTransitionError{transitionError}}}`,
			func() map[string]any { return nil }},
	} {
		if s.name == "setOrderShippingMethod" && len(methods) == 0 {
			return errors.New("no shipping method is eligible")
		}
		if err := step(s.name, s.query, s.variables()); err != nil {
			return err
		}
	}
	return nil
}
