package core

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"meridian/api"
)

// decode reads a request strictly: the edge that sent it speaks the same version.
func decode[Req any](body []byte) (req Req, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if len(body) == 0 {
		return req, nil
	}
	if err := d.Decode(&req); err != nil {
		return req, api.NewError(api.CodeMalformed, "The request could not be read.").WithCause(err)
	}
	return req, nil
}

// read answers an endpoint from this node's state. fn runs with the tables locked and must not wait.
func read[Req, Resp any](s *Service, ep api.Endpoint[Req, Resp], fn func(c *call, req Req) (Resp, error)) (string, handler) {
	return ep.Name, handler{ep.Kind, func(ctx context.Context, c *call, body []byte) (reply, error) {
		req, err := decode[Req](body)
		if err != nil {
			return reply{}, err
		}
		var resp Resp
		var at api.Index
		take := func() error {
			at = s.m.View(func() { resp, err = fn(c, req) })
			return err
		}
		if ep.Kind == api.Exact {
			err = s.log.ReadExact(ctx, take)
		} else {
			err = take()
		}
		return reply{value: resp, status: 200, index: at}, err
	}}
}

// write answers an endpoint by whatever fn does.
func write[Req, Resp any](s *Service, ep api.Endpoint[Req, Resp], fn func(ctx context.Context, c *call, req Req) (reply, error)) (string, handler) {
	return ep.Name, handler{ep.Kind, func(ctx context.Context, c *call, body []byte) (reply, error) {
		req, err := decode[Req](body)
		if err != nil {
			return reply{}, err
		}
		return fn(ctx, c, req)
	}}
}

func (s *Service) routes() map[string]handler {
	hs := map[string]handler{}
	add := func(name string, h handler) { hs[name] = h }
	add(read(s, api.ProductsList, s.productsList))
	add(read(s, api.ProductsGet, s.productsGet))
	add(read(s, api.ProductsSet, s.productsSet))
	add(read(s, api.CollectionList, s.collectionsList))
	add(read(s, api.CollectionGet, s.collectionsGet))
	add(read(s, api.Search, func(_ *call, q api.SearchQuery) (api.SearchResult, error) {
		if err := checkList(q.Currency, q.Sort); err != nil {
			return api.SearchResult{}, err
		}
		r, refusal := s.m.search(q)
		return r, orNil(refusal)
	}))
	add(read(s, api.Suggest, func(_ *call, q api.SearchQuery) (api.Suggestions, error) { return s.m.suggest(q), nil }))
	add(read(s, api.ShippingList, func(_ *call, l api.Locale) (api.List[api.ShippingMethod], error) {
		r, refusal := methods(l, time.Now())
		return r, orNil(refusal)
	}))
	add(write(s, api.CartsCreate, s.cartsCreate))
	add(read(s, api.CartsGet, func(_ *call, q api.CartQuery) (api.Cart, error) {
		rec, ok := s.m.carts.Get(q.ID)
		if !ok {
			rec, ok = s.freshCart(q.ID)
		}
		if !ok {
			return api.Cart{}, noCart()
		}
		return s.m.cart(q.ID, rec), nil
	}))
	add(write(s, api.CartsPutLine, s.cartsPutLine))
	add(write(s, api.CheckoutCart, s.checkout))
	add(read(s, api.OrdersGet, s.ordersGet))
	add(read(s, api.OrdersList, s.ordersList))
	add(read(s, api.OrdersStaff, s.ordersStaff))
	add(write(s, api.OrdersFulfil, s.ordersFulfil))
	add(write(s, api.OrdersCancel, s.ordersCancel))
	add(write(s, api.OrdersRefund, s.ordersRefund))
	add(write(s, api.CustomersCreate, s.customersCreate))
	add(write(s, api.SessionsCreate, s.sessionsCreate))
	add(write(s, api.SessionsDelete, s.sessionsDelete))
	add(read(s, api.CustomersMe, s.customersMe))
	add(write(s, api.CustomersPatch, s.customersPatch))
	add(write(s, api.CustomersErase, s.customersErase))
	add(write(s, api.TracesErase, s.tracesErase))
	add(write(s, api.TracesStaff, s.tracesStaff))
	add(read(s, api.ErasuresList, s.erasuresList))
	add(read(s, api.CustomersOrders, s.customersOrders))
	add(read(s, api.CustomersExport, s.customersExport))
	add(write(s, api.StaffSession, s.staffSignIn))
	add(read(s, api.StaffWhoami, func(c *call, _ api.None) (api.StaffIdentity, error) {
		return api.StaffIdentity{Email: c.staff.Email, Role: c.staff.Role}, need(c, roleMerchandiser, roleOperator)
	}))
	add(read(s, api.StaffProductGet, s.staffProductGet))
	add(read(s, api.StaffProducts, s.staffProducts))
	add(write(s, api.StaffProductPut, s.staffProductPut))
	add(write(s, api.StaffProductDel, s.staffProductDelete))
	add(write(s, api.StaffImport, s.staffImport))
	add(read(s, api.StaffExport, s.staffExport))
	add(write(s, api.StaffCollection, s.staffCollection))
	add(write(s, api.StaffAssetPut, s.staffAssetPut))
	add(read(s, api.StaffAssets, s.staffAssets))
	add(read(s, api.StockGet, s.stockGet))
	add(read(s, api.StockSeen, s.stockGet))
	add(read(s, api.StockViewGet, s.stockView))
	add(read(s, api.ShelfGet, s.shelfGet))
	add(read(s, api.LocationsList, s.locationsList))
	add(write(s, api.StockFeedPost, s.stockFeed))
	add(write(s, api.LocationsPut, s.locationsPut))
	add(write(s, api.StockAdjust, s.stockAdjust))
	add(write(s, api.StockSet, s.stockSet))
	add(write(s, api.CachePurge, s.purge))
	add(write(s, api.ClusterGet, s.clusterGet))
	add(write(s, api.ClusterSeen, s.clusterSeen))
	add(write(s, api.ClusterJoin, s.clusterJoin))
	add(write(s, api.ClusterEnlist, s.clusterEnlist))
	add(read(s, api.ClusterCores, func(*call, api.None) (api.CoreNodes, error) { return s.coreNodes() }))
	add(write(s, api.ClusterRemove, s.clusterRemove))
	add(write(s, api.ClusterLead, s.clusterLead))
	add(write(s, api.BackupsGet, s.backupsGet))
	add(write(s, api.BackupsTake, s.backupsTake))
	add(read(s, api.Differences, s.differencesList))
	add(write(s, api.FeedPoll, s.feedPoll))
	add(write(s, api.EdgesAck, s.edgesAck))
	add(write(s, api.EdgesRenew, s.edgesRenew))
	add(write(s, api.OutboxNext, s.outboxNext))
	add(write(s, api.OutboxRead, s.outboxRead))
	add(write(s, api.OutboxConfirm, s.outboxConfirm))
	add(read(s, api.OutboxConsumers, s.outboxConsumers))
	add(write(s, api.OutboxJoin, s.outboxJoin))
	add(write(s, api.OutboxLeave, s.outboxLeave))
	add(write(s, api.OutboxDone, s.outboxDone))
	add(read(s, api.RoomsList, s.roomsList))
	add(write(s, api.RoomsPut, s.roomsPut))
	add(write(s, api.RoomsClose, s.roomsClose))
	add(write(s, api.RoomsArrive, s.roomsArrive))
	add(read(s, api.RecommendationsGet, s.recommendationsGet))
	add(write(s, api.RecommendationsPublish, s.recommendationsPublish))
	add(read(s, api.StatusCheck, func(_ *call, _ api.None) (api.NodeStatus, error) { return s.status(), nil }))
	return hs
}

// orNil keeps a nil *api.Error from becoming a non-nil error.
func orNil(e *api.Error) error {
	if e == nil {
		return nil
	}
	return e
}
