// node_modules/preact/dist/preact.mjs
var n;
var t;
var r;
var u;
var i;
var f;
var o;
var e;
var l;
var c;
var a;
var s;
var h = /* @__PURE__ */ Symbol.for("pv");
var p = {};
var y = [];
var v = /^m(i|n|o|s|text|space)$/;
var w = Array.isArray;
var d = y.slice;
var _ = Object.assign;
function g(n2) {
  n2 && n2.parentNode && n2.remove();
}
function k(n2, t3, r3) {
  var u4, i4, f4, o4 = {}, e4 = arguments.length;
  for (f4 in t3) "key" == f4 ? u4 = t3[f4] : "ref" == f4 && "function" != typeof n2 ? i4 = t3[f4] : o4[f4] = t3[f4];
  return e4 > 2 && (o4.children = e4 > 3 ? d.call(arguments, 2) : r3), m(n2, o4, u4, i4, null);
}
function m(r3, u4, i4, f4, o4) {
  var e4 = { type: r3, props: u4, key: i4, ref: f4, __k: null, __: null, __b: 0, __e: null, __c: null, constructor: h, __v: o4 || ++t, __i: -1, __u: 0 };
  return !o4 && n.vnode && n.vnode(e4), e4;
}
function $(n2) {
  return n2.children;
}
function x(n2, t3) {
  this.props = n2, this.context = t3, this.__g = 0;
}
function S(n2, t3) {
  if (null == t3) return n2.__ && S(n2.__, n2.__i + 1);
  for (var r3; t3 < n2.__k.length; t3++) if ((r3 = n2.__k[t3]) && r3.__e) return r3.__e;
  return "function" != typeof n2.type || n2.props.__P ? null : S(n2);
}
function C(t3) {
  var r3, u4 = t3.__v, i4 = u4.__e, f4 = [], o4 = [], e4 = t3.__P;
  e4 && ((r3 = _({ constructor: h }, u4)).__v = u4.__v + 1, n.vnode && n.vnode(r3), z(e4, r3, u4, t3.__n, e4.namespaceURI, 32 & u4.__u ? [i4] : null, f4, i4 || S(u4), 32 & u4.__u, o4), r3.__v = u4.__v, r3.__.__k[r3.__i] = r3, E(f4, r3, o4), u4.__ = u4.__e = null, r3.__e != i4 && j(r3));
}
function j(n2) {
  if ((n2 = n2.__) && n2.__c && !n2.props.__P) return n2.__e = null, n2.__k.some(function(t3) {
    return t3 && (n2.__e = t3.__e);
  }), j(n2);
}
function L(t3) {
  (8 & t3.__g || (t3.__g |= 8, u.push(t3), f++)) && i == n.debounceRendering || ((i = n.debounceRendering) || queueMicrotask)(H);
}
function H() {
  try {
    for (var n2, t3 = 1; u.length; ) u.length > t3 && u.sort(o), n2 = u.shift(), t3 = u.length, 8 & n2.__g && C(n2);
  } finally {
    (f = u.length) && (i || queueMicrotask)(H);
  }
}
function I(n2, t3, r3, u4, i4, f4, o4, e4, l4, c4, a5) {
  var s4, h4, v4, w5, d4, _4, g4 = u4.__k || y, k4 = t3.length;
  for (l4 = q(r3, t3, g4, l4, k4), s4 = 0; s4 < k4; s4++) null != (v4 = r3.__k[s4]) && (h4 = ~v4.__i && g4[v4.__i] || p, v4.__i = s4, _4 = z(n2, v4, h4, i4, f4, o4, e4, l4, c4, a5), w5 = v4.__e, (h4.ref != v4.ref || 8 & h4.__u) && (h4.ref && G(h4.ref, null, v4, h4), v4.ref && a5.push(v4.ref, v4.__c || w5, v4)), d4 = d4 || w5, 4 & v4.__u ? (l4 = A(v4, l4, n2, !h4.__v), h4.__e && (h4.__e = null)) : "function" == typeof v4.type && void 0 !== _4 ? l4 = _4 : w5 && (l4 = w5.nextSibling), v4.__u &= -21);
  return r3.__e = d4, l4;
}
function q(n2, t3, r3, u4, i4) {
  var f4, o4, e4, l4, c4, a5, s4, p4, y3, v4 = r3.length, d4 = v4, _4 = 0, g4 = 0, k4 = n2.__k = Array(i4);
  for (f4 = 0; f4 < i4; f4++) null != (o4 = t3[f4]) && "boolean" != typeof o4 && "function" != typeof o4 ? ("object" != typeof o4 || o4.constructor === String ? o4 = k4[f4] = m(null, o4) : w(o4) ? o4 = k4[f4] = m($, { children: o4 }) : o4.constructor === h && o4.__b ? o4 = k4[f4] = m(o4.type, o4.props, o4.key, o4.ref, o4.__v) : k4[f4] = o4, l4 = f4 + _4, o4.__ = n2, o4.__b = n2.__b + 1, e4 = null, ~(c4 = o4.__i = P(o4, r3, l4, d4)) && (d4--, (e4 = r3[c4]) && (e4.__u |= 2)), e4 && e4.__v ? (o4.__u |= 16, c4 == l4 - 1 ? _4-- : c4 == l4 + 1 ? _4++ : c4 != l4 && (c4 > l4 ? _4-- : _4++, g4 = 1)) : (~c4 || (i4 > v4 ? _4-- : i4 < v4 && _4++), "function" != typeof o4.type && (o4.__u |= 4))) : k4[f4] = null;
  if (g4) {
    for (a5 = [], s4 = [], f4 = 0; f4 < i4; f4++) if ((o4 = k4[f4]) && 16 & o4.__u) {
      for (_4 = 0, p4 = a5.length; _4 < p4; ) a5[y3 = _4 + p4 >> 1] < o4.__i ? _4 = y3 + 1 : p4 = y3;
      a5[_4] = o4.__i, s4[f4] = _4 + 1;
    }
    for (_4 = a5.length; f4--; ) s4[f4] && (s4[f4] == _4 ? _4-- : k4[f4].__u |= 4);
  }
  if (d4) for (f4 = 0; f4 < v4; f4++) !(e4 = r3[f4]) || 2 & e4.__u || (e4.__e == u4 && (u4 = S(e4)), J(e4, e4));
  return u4;
}
function A(n2, t3, r3, u4) {
  var i4, f4, o4, e4;
  if ("function" == typeof n2.type) {
    if (n2.props.__P) return t3;
    if (i4 = n2.__k) for (f4 = 0; f4 < i4.length; f4++) i4[f4] && (i4[f4].__ = n2, t3 = A(i4[f4], t3, r3, false));
    return t3;
  }
  for (t3 && !t3.parentNode && (t3 = S(n2)) && !t3.parentNode && (t3 = null), o4 = n2.__e, e4 = t3; e4 && 8 == e4.nodeType; ) e4 = e4.nextSibling;
  for (o4 != e4 && (!u4 && r3.moveBefore && o4.parentNode ? r3.moveBefore(o4, t3) : r3.insertBefore(o4, t3 || null)), t3 = o4; (t3 = t3 && t3.nextSibling) && 8 == t3.nodeType && !t3.data.startsWith("$s"); ) ;
  return t3;
}
function O(n2, t3) {
  return t3 = t3 || [], null != n2 && "boolean" != typeof n2 && (w(n2) ? n2.some(function(n3) {
    O(n3, t3);
  }) : t3.push(n2)), t3;
}
function P(n2, t3, r3, u4) {
  var i4, f4 = n2.key, o4 = n2.type, e4 = t3[r3], l4 = e4 && !(2 & e4.__u);
  if (null === e4 && null == f4 || l4 && f4 == e4.key && o4 == e4.type) return r3;
  if (u4 > (l4 ? 1 : 0)) {
    for (i4 = r3 - 1; i4 >= 0; i4--) if ((e4 = t3[i4]) && !(2 & e4.__u) && f4 == e4.key && o4 == e4.type) return i4;
    for (i4 = r3 + 1; i4 < t3.length; i4++) if ((e4 = t3[i4]) && !(2 & e4.__u) && f4 == e4.key && o4 == e4.type) return i4;
  }
  return -1;
}
function T(n2, t3, r3) {
  null == r3 && (r3 = ""), "-" == t3[0] ? n2.setProperty(t3, r3) : n2[t3] = r3;
}
function N(n2, t3, r3, u4, i4) {
  var f4, o4;
  if ("style" == t3) if ("string" == typeof r3) n2.style.cssText = r3;
  else {
    if ("string" == typeof u4 && (n2.style.cssText = u4 = ""), u4) for (t3 in u4) r3 && t3 in r3 || T(n2.style, t3);
    if (r3) for (t3 in r3) u4 && r3[t3] == u4[t3] || T(n2.style, t3, r3[t3]);
  }
  else if ("o" == t3[0] && "n" == t3[1]) "function" != typeof r3 && (r3 = null), "function" != typeof u4 && (u4 = null), (n2.__e || (n2.__e = {}))[t3] = r3, r3 && u4 || (o4 = a[t3] || (a[t3] = V(t3)), (n2.__a || (n2.__a = {}))[t3] = c, f4 = t3 != (t3 = t3.replace(l, "$1")), (t3 = t3.slice(2))[0] < "a" && (t3 = t3.toLowerCase()), r3 ? n2.addEventListener(t3, o4, f4) : n2.removeEventListener(t3, o4, f4));
  else {
    if ("http://www.w3.org/2000/svg" == i4) t3 = t3.replace(/xlink(H|:h)/, "h").replace(/sName$/, "s");
    else if ("width" != t3 && "height" != t3 && "href" != t3 && "list" != t3 && "form" != t3 && "tabIndex" != t3 && "download" != t3 && "rowSpan" != t3 && "colSpan" != t3 && "role" != t3 && "popover" != t3 && t3 in n2) try {
      return void (n2[t3] = null == r3 ? "" : r3);
    } catch (n3) {
    }
    if ("function" == typeof r3) return;
    null == r3 || false === r3 && "-" != t3[4] ? n2.removeAttribute(t3) : n2.setAttribute(t3, "popover" == t3 && 1 == r3 ? "" : r3);
  }
}
function V(t3) {
  return function(r3) {
    var u4 = this.__e;
    if (u4) {
      if (u4 = u4[t3], null == r3[e]) r3[e] = c++;
      else if (r3[e] < this.__a[t3]) return;
      return u4(n.event ? n.event(r3) : r3);
    }
  };
}
function z(t3, r3, u4, i4, f4, o4, e4, l4, c4, a5) {
  var s4, p4, v4, d4, k4, b4, m4, M3, C4, j4, L3, H4, q4, A4, O3, P5, T4, N3, V2 = r3.type;
  if (r3.constructor !== h) return null;
  128 & u4.__u && (c4 = 32 & u4.__u, s4 = u4.__c.__z) && (r3.__u |= c4, p4 = o4 = [], 8 == s4.nodeType ? l4 = B(s4, o4) : o4.push(s4), l4 = o4[0] || l4), (s4 = n.__b) && s4(r3);
  n: if ("function" == typeof V2) {
    v4 = e4.length;
    try {
      if (M3 = r3.props, C4 = (s4 = V2.prototype) && s4.render, j4 = (s4 = V2.contextType) && i4[s4.__c], L3 = s4 ? j4 ? j4.props.value : s4.__ : i4, (d4 = u4.__c) ? (r3.__c = d4, 2 & d4.__g && (d4.__g |= 1)) : (C4 ? r3.__c = d4 = new V2(M3, L3) : (r3.__c = d4 = new x(M3, L3), d4.constructor = V2, d4.render = K), j4 && j4.sub(d4), d4.state || (d4.state = {}), d4.__n = i4, d4.__g |= 8, d4.__h = [], d4.__k = []), C4 && (d4.__s || (d4.__s = d4.state), V2.getDerivedStateFromProps && (d4.__s == d4.state && (d4.__s = _({}, d4.__s)), _(d4.__s, V2.getDerivedStateFromProps(M3, d4.__s)))), k4 = d4.props, b4 = d4.state, d4.__v = r3, u4.__c) {
        if (M3 !== k4 && C4 && !V2.getDerivedStateFromProps && d4.componentWillReceiveProps && d4.componentWillReceiveProps(M3, L3), r3.__v == u4.__v && !(8 & d4.__g) || !(4 & d4.__g) && d4.shouldComponentUpdate && false === d4.shouldComponentUpdate(M3, d4.__s, L3)) {
          r3.__v != u4.__v && (d4.props = M3, d4.state = d4.__s, d4.__g &= -9), r3.__e = u4.__e, r3.__k = u4.__k, r3.__k.some(function(n2) {
            n2 && (n2.__ = r3);
          }), y.push.apply(d4.__h, d4.__k), d4.__k = [], d4.__h.length && e4.push(d4), l4 = S(u4);
          break n;
        }
        d4.componentWillUpdate && d4.componentWillUpdate(M3, d4.__s, L3), C4 && d4.componentDidUpdate && d4.__h.push(function() {
          d4.componentDidUpdate(k4, b4, m4);
        });
      } else C4 && !V2.getDerivedStateFromProps && d4.componentWillMount && d4.componentWillMount(), C4 && d4.componentDidMount && d4.__h.push(d4.componentDidMount);
      d4.context = L3, d4.props = M3, d4.__P = t3, d4.__g &= -5, H4 = n.__r, q4 = C4 ? 25 : 0;
      do {
        d4.__g &= -9, H4 && H4(r3), s4 = d4.render(d4.props, d4.state = d4.__s, d4.context);
      } while (8 & d4.__g && ++q4 < 25);
      C4 && (y.push.apply(d4.__h, d4.__k), d4.__k = []), d4.state = d4.__s, d4.getChildContext && (i4 = _({}, i4, d4.getChildContext())), C4 && u4.__c && d4.getSnapshotBeforeUpdate && (m4 = d4.getSnapshotBeforeUpdate(k4, b4)), A4 = s4 && s4.type === $ && null == s4.key ? s4.props.children : s4, M3.__P && (s4 = l4, f4 = (t3 = M3.__P).namespaceURI, c4 = o4 = null, u4.props && u4.props.__P != t3 && (u4.__k.some(function(n2) {
        n2 && J(n2, n2);
      }), u4.__k = null), l4 = u4.__k ? S(u4, 0) : null), l4 = I(t3, w(A4) ? A4 : [A4], r3, u4, i4, f4, o4, e4, l4, c4, a5), M3.__P && (r3.__e = null, l4 = s4), r3.__u &= -161, p4 && p4.some(g), d4.__h.length && e4.push(d4), 1 & d4.__g && (d4.__g &= -4);
    } catch (t4) {
      if (e4.length = v4, r3.__v = null, c4 || o4) if (t4 && t4.then) {
        if (r3.__u |= 128 | c4, o4) {
          for (~(T4 = o4.indexOf(l4 || void 0)) || (T4 = o4.length); (N3 = o4[T4 - 1]) && 8 == N3.nodeType; ) T4--;
          for (; T4 < o4.length; T4++) if (N3 = o4[T4]) if (o4[T4] = null, O3) {
            if (N3 == P5) break;
          } else {
            if (8 != N3.nodeType) break;
            N3.data.startsWith("$s") && (P5 = B(O3 = N3));
          }
        }
        if (!O3) {
          for (; l4 && 8 == l4.nodeType && l4.nextSibling; ) l4 = l4.nextSibling;
          O3 = l4;
        }
        (s4 = B(O3 = r3.__c.__z || (r3.__c.__z = O3))) ? (r3.__e = O3, l4 = s4) : r3.__e = l4, l4 = l4 && l4.nextSibling;
      } else o4 && o4.some(g);
      else r3.__e = u4.__e;
      r3.__k || (r3.__k = u4.__k || []), t4 && t4.then || D(r3), n.__e(t4, r3, u4);
    }
  } else l4 = r3.__e = F(u4.__e, r3, u4, i4, f4, o4, e4, c4, a5, t3);
  return (s4 = n.diffed) && s4(r3), l4;
}
function B(n2, t3) {
  if (n2 && 8 == n2.nodeType && n2.data.startsWith("$s")) for (var r3 = 1; n2 = n2.nextSibling; ) {
    if (8 == n2.nodeType) {
      if (n2.data.startsWith("$s")) r3++;
      else if (n2.data.startsWith("/$s") && !--r3) return n2;
    }
    t3 && t3.push(n2);
  }
}
function D(n2) {
  n2 && (n2.__c && (n2.__c.__g |= 4), n2.__k && n2.__k.some(D));
}
function E(t3, r3, u4) {
  for (var i4 = 0; i4 < u4.length; ) G(u4[i4++], u4[i4++], u4[i4++]);
  n.__c && n.__c(r3, t3), t3.some(function(r4) {
    try {
      t3 = r4.__h, r4.__h = [], t3.some(function(n2) {
        n2.call(r4);
      });
    } catch (t4) {
      n.__e(t4, r4.__v);
    }
  });
}
function F(t3, r3, u4, i4, f4, o4, e4, l4, c4, a5) {
  var s4, h4, y3, _4, k4, b4, m4, M3, $4 = u4.props || p, x5 = r3.props, C4 = r3.type;
  if ("svg" == C4 ? f4 = "http://www.w3.org/2000/svg" : "math" == C4 ? f4 = "http://www.w3.org/1998/Math/MathML" : f4 || (f4 = "http://www.w3.org/1999/xhtml"), o4) {
    for (s4 = 0; s4 < o4.length; s4++) if ((k4 = o4[s4]) && (C4 ? k4.localName == C4 : 3 == k4.nodeType)) {
      t3 = k4, o4[s4] = null;
      break;
    }
  }
  if (!t3) {
    if (M3 = a5.ownerDocument || document, !C4) return M3.createTextNode(x5);
    t3 = M3.createElementNS(f4, C4, x5.is ? x5 : a5), l4 && (n.__m && n.__m(r3, o4), l4 = false), o4 = null;
  }
  if (C4) {
    if (a5 = "template" == C4 && t3.content || t3, o4 = "textarea" == C4 && null != x5.defaultValue ? null : o4 && d.call(a5.childNodes), !l4 && o4) for ($4 = {}, s4 = 0; s4 < t3.attributes.length; s4++) $4[(k4 = t3.attributes[s4]).name] = k4.value;
    for (s4 in $4) k4 = $4[s4], "dangerouslySetInnerHTML" == s4 ? y3 = k4 : "children" == s4 || s4 in x5 || "value" == s4 && "defaultValue" in x5 || "checked" == s4 && "defaultChecked" in x5 || N(t3, s4, null, k4, f4);
    for (s4 in x5) k4 = x5[s4], "children" == s4 ? _4 = k4 : "dangerouslySetInnerHTML" == s4 ? h4 = k4 : "value" == s4 ? b4 = k4 : "checked" == s4 ? m4 = k4 : l4 && "function" != typeof k4 || $4[s4] === k4 || N(t3, s4, k4, $4[s4], f4);
    h4 ? (l4 || y3 && (h4.__html == y3.__html || h4.__html == t3.innerHTML) || (t3.innerHTML = h4.__html), r3.__k = []) : (y3 && (t3.textContent = ""), ("foreignObject" == C4 || "http://www.w3.org/1998/Math/MathML" == f4 && v.test(C4)) && (f4 = "http://www.w3.org/1999/xhtml"), I(a5, w(_4) ? _4 : [_4], r3, u4, i4, f4, o4, e4, o4 ? o4[0] : u4.__k && S(u4, 0), l4, c4), o4 && o4.some(g)), l4 && "textarea" != C4 || (s4 = "value", "progress" == C4 && null == b4 ? t3.removeAttribute(s4) : null == b4 || b4 === t3[s4] && ("progress" != C4 || b4) || N(t3, s4, b4, $4[s4], f4), s4 = "checked", null != m4 && m4 != t3[s4] && N(t3, s4, m4, $4[s4], f4));
  } else $4 === x5 || l4 && t3.data == x5 || (t3.data = x5);
  return t3;
}
function G(t3, r3, u4, i4) {
  try {
    "function" == typeof t3 ? r3 ? r3.__x = t3(r3) || 1 : i4 && (i4 = i4.__c || i4.__e) && (r3 = i4.__x) && (i4.__x = null, "function" == typeof r3 ? r3() : t3(null)) : t3.current = r3;
  } catch (t4) {
    n.__e(t4, u4);
  }
}
function J(t3, r3, u4) {
  var i4, f4, o4, e4;
  if (n.unmount && n.unmount(t3), !(i4 = t3.ref) || i4.current && i4.current != t3.__e || G(i4, null, r3, t3), i4 = t3.__c) {
    if (i4.componentWillUnmount) try {
      i4.componentWillUnmount();
    } catch (t4) {
      n.__e(t4, r3);
    }
    i4.__P = i4.__n = null;
  }
  if (i4 = t3.__k) for (e4 = 0; e4 < i4.length; e4++) i4[e4] && J(i4[e4], r3, "function" != typeof t3.type || u4 && !t3.props.__P);
  !u4 && (i4 = t3.__c) && (i4 = i4.__z) && (f4 = B(i4, o4 = [])) && (i4 == t3.__e && o4.some(g), g(f4), g(i4)), u4 || g(t3.__e), t3.__e = t3.__c = t3.__ = null;
}
function K(n2, t3, r3) {
  return this.constructor(n2, r3);
}
n = { __e: function(n2, t3, r3, u4) {
  for (var i4, o4, e4; t3 = t3.__; ) if ((i4 = t3.__c) && !(1 & i4.__g)) {
    i4.__g |= 4;
    try {
      if ((e4 = (o4 = i4.constructor) && o4.getDerivedStateFromError) && i4.setState(o4.getDerivedStateFromError(n2)), i4.componentDidCatch && (i4.componentDidCatch(n2, u4 || {}), e4 = 1), e4 && 8 & i4.__g) return void (i4.__g |= 2);
    } catch (t4) {
      n2 = t4;
    }
  }
  throw f = 0, n2;
} }, t = 0, r = function(n2) {
  return null != n2 && n2.constructor === h;
}, x.prototype.setState = function(n2, t3) {
  var r3 = this.__s;
  r3 && r3 != this.state || (r3 = this.__s = _({}, this.state)), "function" == typeof n2 && (n2 = n2(_({}, r3), this.props)), n2 && (_(r3, n2), this.__v && (t3 && this.__k.push(t3), L(this)));
}, x.prototype.forceUpdate = function(n2) {
  this.__v && (this.__g |= 4, n2 && this.__h.push(n2), L(this));
}, x.prototype.render = $, u = [], f = 0, o = function(n2, t3) {
  return n2.__v.__b - t3.__v.__b;
}, e = /* @__PURE__ */ Symbol(), l = /(PointerCapture)$|Capture$/i, c = 0, a = {}, s = 0;

// node_modules/preact-render-to-string/dist/stream/index.module.js
var o2 = "__s";
var i2 = "__c";
var a2 = "__k";
var s2 = "__d";
var c2 = "__s";
var u2 = /[\s\n\\/='"\0<>]/;
var l2 = /^(xlink|xmlns|xml)([A-Z])/;
var f2 = /^(?:accessK|auto[A-Z]|cell|ch|col|cont|cross|dateT|encT|form[A-Z]|frame|hrefL|inputM|maxL|minL|noV|playsI|popoverT|readO|rowS|src[A-Z]|tabI|useM|item[A-Z])/;
var p2 = /^ac|^ali|arabic|basel|cap|clipPath$|clipRule$|color|dominant|enable|fill|flood|font|glyph[^R]|horiz|image|letter|lighting|marker[^WUH]|overline|panose|pointe|paint|rendering|shape|stop|strikethrough|stroke|text[^L]|transform|underline|unicode|units|^v[^i]|^w|^xH/;
var d2 = /* @__PURE__ */ new Set(["draggable", "spellcheck"]);
function h2(e4) {
  void 0 !== e4.__g ? e4.__g |= 8 : e4[s2] = true;
}
function v2(e4) {
  void 0 !== e4.__g ? e4.__g &= -9 : e4[s2] = false;
}
function m2(e4) {
  return void 0 !== e4.__g ? !!(8 & e4.__g) : true === e4[s2];
}
var _2 = /["&<]/;
function g2(e4) {
  if (0 === e4.length || false === _2.test(e4)) return e4;
  for (var t3 = 0, r3 = 0, n2 = "", o4 = ""; r3 < e4.length; r3++) {
    switch (e4.charCodeAt(r3)) {
      case 34:
        o4 = "&quot;";
        break;
      case 38:
        o4 = "&amp;";
        break;
      case 60:
        o4 = "&lt;";
        break;
      default:
        continue;
    }
    r3 !== t3 && (n2 += e4.slice(t3, r3)), n2 += o4, t3 = r3 + 1;
  }
  return r3 !== t3 && (n2 += e4.slice(t3, r3)), n2;
}
var y2 = {};
var k2 = /* @__PURE__ */ new Set(["animation-iteration-count", "border-image-outset", "border-image-slice", "border-image-width", "box-flex", "box-flex-group", "box-ordinal-group", "column-count", "fill-opacity", "flex", "flex-grow", "flex-negative", "flex-order", "flex-positive", "flex-shrink", "flood-opacity", "font-weight", "grid-column", "grid-row", "line-clamp", "line-height", "opacity", "order", "orphans", "stop-opacity", "stroke-dasharray", "stroke-dashoffset", "stroke-miterlimit", "stroke-opacity", "stroke-width", "tab-size", "widows", "z-index", "zoom"]);
var b = /[A-Z]/g;
function x2(e4) {
  var t3 = "";
  for (var r3 in e4) {
    var n2 = e4[r3];
    if (null != n2 && "" !== n2) {
      var o4 = "-" == r3[0] ? r3 : y2[r3] || (y2[r3] = r3.replace(b, "-$&").toLowerCase()), i4 = ";";
      "number" != typeof n2 || o4.startsWith("--") || k2.has(o4) || (i4 = "px;"), t3 = t3 + o4 + ":" + n2 + i4;
    }
  }
  return t3 || void 0;
}
function w2() {
  this.__d = true;
}
function C2(e4, t3) {
  return { __v: e4, context: t3, props: e4.props, setState: w2, forceUpdate: w2, __d: true, __h: new Array(0) };
}
var S2 = function() {
  var e4 = this;
  this.promise = new Promise(function(t3, r3) {
    e4.resolve = t3, e4.reject = r3;
  });
};
var E2 = {};
var H2 = [];
var D2 = Array.isArray;
var A2 = Object.assign;
var N2 = "";
var T2 = "<!--$s-->";
var L2 = "<!--/$s-->";
function P2(e4) {
  return "string" == typeof e4 ? T2 + e4 + L2 : D2(e4) ? (e4.unshift(T2), e4.push(L2), e4) : e4 && "function" == typeof e4.then ? e4.then(P2) : T2 + e4 + L2;
}
function $2(e4) {
  var t3 = n[o2];
  n[o2] = true;
  try {
    return e4();
  } finally {
    n[o2] = t3;
  }
}
function W(r3, o4, i4) {
  var s4 = { beforeDiff: n.__b, afterDiff: n.diffed, renderHook: n.__r, unmountHook: n.unmount, rootHook: n.__, commitHook: n.__c, catchError: n.__e, errorBoundaries: n.errorBoundaries };
  try {
    var c4 = $2(function() {
      var n2, c5 = k($, null);
      return c5[a2] = [r3], s4.rootHook && s4.rootHook(r3, ((n2 = {})[a2] = c5, n2.nodeType = 1, n2)), F2(r3, o4 || E2, false, void 0, c5, false, i4, s4);
    });
    return D2(c4) ? c4.join(N2) : c4;
  } catch (e4) {
    if (e4.then) throw new Error('Use "renderToStringAsync" for suspenseful rendering.');
    throw e4;
  } finally {
    s4.commitHook && $2(function() {
      return s4.commitHook(r3, H2);
    }), H2.length = 0;
  }
}
function j2(e4, t3, r3) {
  var n2, o4 = e4.type, a5 = true;
  return e4[i2] ? (a5 = false, (n2 = e4[i2]).state = n2[c2]) : n2 = new o4(e4.props, t3), e4[i2] = n2, n2.__v = e4, n2.props = e4.props, n2.context = t3, h2(n2), null == n2.state && (n2.state = E2), null == n2[c2] && (n2[c2] = n2.state), o4.getDerivedStateFromProps ? n2.state = A2({}, n2.state, o4.getDerivedStateFromProps(n2.props, n2.state)) : a5 && n2.componentWillMount ? (n2.componentWillMount(), n2.state = n2[c2] !== n2.state ? n2[c2] : n2.state) : !a5 && n2.componentWillUpdate && n2.componentWillUpdate(), r3.renderHook && r3.renderHook(e4), n2.render(n2.props, n2.state, t3);
}
function F2(e4, n2, o4, s4, _4, y3, k4, b4) {
  if (null == e4 || true === e4 || false === e4 || e4 === N2) return N2;
  var w5 = typeof e4;
  if ("object" != w5) return "function" == w5 ? N2 : "string" == w5 ? g2(e4) : e4 + N2;
  if (D2(e4)) {
    var S3, H4 = N2;
    _4[a2] = e4;
    for (var T4 = e4.length, L3 = 0; L3 < T4; L3++) {
      var W2 = e4[L3];
      if (null != W2 && "boolean" != typeof W2) {
        var Z2, q4 = F2(W2, n2, o4, s4, _4, y3, k4, b4);
        "string" == typeof q4 ? H4 += q4 : (S3 || (S3 = new Array(T4)), H4 && S3.push(H4), H4 = N2, D2(q4) ? (Z2 = S3).push.apply(Z2, q4) : S3.push(q4));
      }
    }
    return S3 ? (H4 && S3.push(H4), S3) : H4;
  }
  if (!r(e4)) return N2;
  e4.__ = _4, b4.beforeDiff && b4.beforeDiff(e4);
  var B4 = e4.type, I3 = e4.props;
  if ("function" == typeof B4) {
    var O3, z5, R2, V2 = n2;
    if (B4 === $) {
      if ("tpl" in I3) {
        for (var K3, Y2 = N2, G2 = 0; G2 < I3.tpl.length; G2++) if (Y2 += I3.tpl[G2], I3.exprs && G2 < I3.exprs.length) {
          var J3 = I3.exprs[G2];
          if (null == J3) continue;
          if ("object" == typeof J3 && (r(J3) || D2(J3))) {
            var Q3, X2 = F2(J3, n2, o4, s4, e4, y3, k4, b4);
            "string" == typeof X2 ? Y2 += X2 : (K3 || (K3 = []), Y2 && K3.push(Y2), Y2 = N2, D2(X2) ? (Q3 = K3).push.apply(Q3, X2) : K3.push(X2));
          } else Y2 += J3;
        }
        return K3 ? (Y2 && K3.push(Y2), K3) : Y2;
      }
      if ("UNSTABLE_comment" in I3) return "<!--" + g2(I3.UNSTABLE_comment) + "-->";
      z5 = I3.children;
    } else {
      if (null != (O3 = B4.contextType)) {
        var ee = n2[O3.__c];
        V2 = ee ? ee.props.value : O3.__;
      }
      var te = B4.prototype && "function" == typeof B4.prototype.render;
      if (te) z5 = /**#__NOINLINE__**/
      j2(e4, V2, b4), R2 = e4[i2];
      else {
        e4[i2] = R2 = /**#__NOINLINE__**/
        C2(e4, V2);
        for (var re = 0; m2(R2) && re++ < 25; ) {
          v2(R2), b4.renderHook && b4.renderHook(e4);
          try {
            z5 = B4.call(R2, I3, V2);
          } catch (t3) {
            throw y3 && t3 && "function" == typeof t3.then && (e4._suspended = true), t3;
          }
        }
        h2(R2);
      }
      if (null != R2.getChildContext && (n2 = A2({}, n2, R2.getChildContext())), te && b4.errorBoundaries && (B4.getDerivedStateFromError || R2.componentDidCatch)) {
        z5 = null != z5 && z5.type === $ && null == z5.key && null == z5.props.tpl ? z5.props.children : z5;
        try {
          return F2(z5, n2, o4, s4, e4, y3, false, b4);
        } catch (r3) {
          return B4.getDerivedStateFromError && (R2[c2] = B4.getDerivedStateFromError(r3)), R2.componentDidCatch && R2.componentDidCatch(r3, E2), m2(R2) ? (z5 = j2(e4, n2, b4), null != (R2 = e4[i2]).getChildContext && (n2 = A2({}, n2, R2.getChildContext())), F2(z5 = null != z5 && z5.type === $ && null == z5.key && null == z5.props.tpl ? z5.props.children : z5, n2, o4, s4, e4, y3, k4, b4)) : N2;
        } finally {
          b4.afterDiff && b4.afterDiff(e4), b4.unmountHook && b4.unmountHook(e4);
        }
      }
    }
    z5 = null != z5 && z5.type === $ && null == z5.key && null == z5.props.tpl ? z5.props.children : z5;
    try {
      var ne = F2(z5, n2, o4, s4, e4, y3, k4, b4);
      return b4.afterDiff && b4.afterDiff(e4), b4.unmountHook && b4.unmountHook(e4), e4._suspended ? P2(ne) : ne;
    } catch (t3) {
      if (!y3 && k4 && k4.onError) {
        var oe = (function t4(r3) {
          return k4.onError(r3, e4, function(e5, r4) {
            try {
              return $2(function() {
                return F2(e5, n2, o4, s4, r4, y3, k4, b4);
              });
            } catch (e6) {
              return t4(e6);
            }
          });
        })(t3);
        return void 0 !== oe ? oe : (b4.catchError && b4.catchError(t3, e4), N2);
      }
      if (!y3) throw t3;
      if (!t3 || "function" != typeof t3.then) throw t3;
      return t3.then(function t4() {
        try {
          var r3 = $2(function() {
            return F2(z5, n2, o4, s4, e4, y3, k4, b4);
          });
          return e4._suspended ? P2(r3) : r3;
        } catch (e5) {
          if (!e5 || "function" != typeof e5.then) throw e5;
          return e5.then(t4);
        }
      });
    }
  }
  var ie, ae = "<" + B4, se = N2;
  for (var ce in I3) {
    var ue = I3[ce];
    if ("function" != typeof (ue = U(ue) ? ue.value : ue) || "class" === ce || "className" === ce) {
      switch (ce) {
        case "children":
          ie = ue;
          continue;
        case "key":
        case "ref":
        case "__self":
        case "__source":
          continue;
        case "htmlFor":
          if ("for" in I3) continue;
          ce = "for";
          break;
        case "className":
          if ("class" in I3) continue;
          ce = "class";
          break;
        case "defaultChecked":
          ce = "checked";
          break;
        case "defaultSelected":
          ce = "selected";
          break;
        case "defaultValue":
        case "value":
          switch (ce = "value", B4) {
            case "textarea":
              ie = ue;
              continue;
            case "select":
              s4 = ue;
              continue;
            case "option":
              s4 != ue || "selected" in I3 || (ae += " selected");
          }
          break;
        case "dangerouslySetInnerHTML":
          se = ue && ue.__html;
          continue;
        case "style":
          "object" == typeof ue && (ue = x2(ue));
          break;
        case "acceptCharset":
          ce = "accept-charset";
          break;
        case "httpEquiv":
          ce = "http-equiv";
          break;
        default:
          if (u2.test(ce)) continue;
          l2.test(ce) ? ce = ce.replace(l2, "$1:$2").toLowerCase() : "-" !== ce[4] && !d2.has(ce) || null == ue ? o4 ? p2.test(ce) && (ce = "panose1" === ce ? "panose-1" : ce.replace(/([A-Z])/g, "-$1").toLowerCase()) : f2.test(ce) && (ce = ce.toLowerCase()) : ue += N2;
      }
      null != ue && false !== ue && (ae = true === ue || ue === N2 ? ae + " " + ce : ae + " " + ce + '="' + g2(ue + N2) + '"');
    }
  }
  if (u2.test(B4)) throw new Error(B4 + " is not a valid HTML tag name in " + ae + ">");
  if (se || ("string" == typeof ie ? se = g2(ie) : null != ie && false !== ie && true !== ie && (se = F2(ie, n2, "svg" === B4 || "foreignObject" !== B4 && o4, s4, e4, y3, k4, b4))), b4.afterDiff && b4.afterDiff(e4), b4.unmountHook && b4.unmountHook(e4), !se && M.has(B4)) return ae + "/>";
  var le = "</" + B4 + ">", fe = ae + ">";
  return D2(se) ? [fe].concat(se, [le]) : "string" != typeof se ? [fe, se, le] : fe + se + le;
}
var M = /* @__PURE__ */ new Set(["area", "base", "br", "col", "command", "embed", "hr", "img", "input", "keygen", "link", "meta", "param", "source", "track", "wbr"]);
function U(e4) {
  return null !== e4 && "object" == typeof e4 && "function" == typeof e4.peek && "value" in e4;
}
function Z(e4) {
  return "<script" + (e4 ? ' nonce="' + g2(e4) + '"' : "") + '>(function(){class e extends HTMLElement{connectedCallback(){var e=this;if(!e.isConnected)return;let t=this.getAttribute("data-target");if(t){for(var r,o,n=document.createNodeIterator(document,128);n.nextNode();){let e=n.referenceNode;if(e.data=="$s:"+t?r=e:e.data=="/$s:"+t&&(o=e),r&&o)break}r&&o&&r.parentNode!==document?requestAnimationFrame(()=>{if(e.isConnected&&r.isConnected&&o.isConnected&&r.parentNode===o.parentNode){for(var t=[],a=r.nextSibling,i=r.parentNode;a&&a!==o;)t.push(a),a=a.nextSibling;if(a){for(;i&&!i.__k;)i=i.parentNode;var d=new Set;if(i&&function e(t){t&&("function"!=typeof t.type&&t.__e&&t.__e.parentNode===r.parentNode&&d.add(t.__e),t.__k&&t.__k.forEach(e))}(i.__k),t.some(e=>d.has(e))){var s=0;return t.forEach(e=>{8===e.nodeType&&e.data.startsWith("$s")?s++:8===e.nodeType&&e.data.startsWith("/$s")?s--:s||d.has(e)||e.remove()}),void e.remove()}for(a=o.previousSibling;a!=r&&a&&a!=r;)o.parentNode.removeChild(a),a=o.previousSibling;for(n=r;e.firstChild;)r=e.firstChild,e.removeChild(r),n.after(r),n=r;e.parentNode.removeChild(e)}else e.remove()}else e.remove()}):e.remove()}}}customElements.define("preact-island",e);}())<\/script>';
}
function q2(e4, t3) {
  return '<preact-island hidden data-target="' + e4 + '">' + t3 + "</preact-island>";
}
var B2 = function e2(t3) {
  try {
    var r3 = (function() {
      if (t3.suspended.length > 0) {
        var r4 = [].concat(t3.suspended);
        return Promise.resolve(Promise.all(t3.suspended.map(function(e4) {
          return e4.promise;
        }))).then(function() {
          return t3.suspended = t3.suspended.filter(function(e4) {
            return !r4.includes(e4);
          }), Promise.resolve(e2(t3)).then(function() {
          });
        });
      }
    })();
    return Promise.resolve(r3 && r3.then ? r3.then(function() {
    }) : void 0);
  } catch (e4) {
    return Promise.reject(e4);
  }
};
var I2 = function(e4, t3) {
  var r3 = t3.context, n2 = t3.onWrite, o4 = t3.abortSignal, i4 = t3.nonce;
  try {
    r3 = r3 || {};
    var a5 = { start: Date.now(), abortSignal: o4, onWrite: n2, onError: O2, suspended: [] }, s4 = W(e4, r3, a5), c4 = a5.suspended.length, u4 = (function() {
      if (c4 > 0) {
        var e5 = s4.lastIndexOf("</body>"), t4 = s4.trimStart().startsWith("<html"), r4 = -1 !== e5 ? s4.slice(0, e5) : s4;
        return n2((t4 ? "<!DOCTYPE html>" : "") + r4), n2("<div hidden>"), n2(Z(i4)), Promise.resolve(B2(a5)).then(function() {
          n2("</div>"), -1 !== e5 && n2(s4.slice(e5));
        });
      }
      n2(s4);
    })();
    return Promise.resolve(u4 && u4.then ? u4.then(function() {
    }) : void 0);
  } catch (e5) {
    return Promise.reject(e5);
  }
};
function O2(e4, t3, r3) {
  var n2 = this;
  if (e4 && e4.then) {
    for (; t3 = t3.__; ) {
      var o4 = t3[i2];
      if (o4 && o4.__c) break;
    }
    if (t3) {
      var a5 = t3.__v, s4 = this.suspended.find(function(e5) {
        return e5.id === a5;
      }), c4 = new S2(), u4 = this.abortSignal;
      u4 && (u4.aborted ? c4.resolve() : u4.addEventListener("abort", c4.resolve));
      var l4 = e4.then(function() {
        if (!u4 || !u4.aborted) {
          var e5 = n2.suspended.length, o5 = r3(t3.props.children, t3);
          n2.suspended.slice(e5).some(function(e6) {
            return e6.id === a5;
          }) || n2.onWrite(q2(a5, o5));
        }
      }, this.onError);
      this.suspended.push({ id: a5, vnode: t3, promise: Promise.race([l4, c4.promise]) });
      var f4 = r3(t3.props.fallback);
      return s4 ? "" : "<!--$s:" + a5 + "-->" + f4 + "<!--/$s:" + a5 + "-->";
    }
  }
}
function z2(e4, t3, r3) {
  var n2 = new S2(), o4 = new TextEncoder("utf-8"), i4 = new ReadableStream({ start: function(i5) {
    I2(e4, { context: r3, nonce: null == t3 ? void 0 : t3.nonce, onError: function(e5) {
      n2.reject(e5), i5.abort(e5);
    }, onWrite: function(e5) {
      i5.enqueue(o4.encode(e5));
    } }).then(function() {
      i5.close(), n2.resolve();
    }).catch(function(e5) {
      i5.error(e5), n2.reject(e5);
    });
  } });
  return i4.allReady = n2.promise, i4;
}

// node_modules/preact/hooks/dist/hooks.mjs
var t2;
var r2;
var u3;
var i3;
var c3 = [];
var e3 = [];
var a3 = n;
var v3 = a3.__b;
var l3 = a3.__r;
var m3 = a3.diffed;
var h3 = a3.__c;
var s3 = a3.unmount;
var p3 = a3.__;
function g3() {
  var n2;
  do {
    for (; n2 = e3.shift(); ) try {
      C3(n2);
    } catch (t4) {
      a3.__e(t4, { __: (n2 = n2.__P) && n2.__v });
    }
    for (; n2 = c3.shift(); ) {
      var t3 = n2.__H;
      if (n2.__P && t3) try {
        t3.__h.some(C3), t3.__h.some(D3), t3.__h = [];
      } catch (r3) {
        t3.__h = [], a3.__e(r3, n2.__v);
      }
    }
  } while (e3.length);
}
a3.__b = function(n2) {
  r2 = null, v3 && v3(n2);
}, a3.__ = function(n2, t3) {
  n2 && t3.__k && t3.__k.__m && (n2.__m = t3.__k.__m), p3 && p3(n2, t3);
}, a3.__r = function(n2) {
  l3 && l3(n2), t2 = 0;
  var i4 = (r2 = n2.__c).__H;
  i4 && (u3 == r2 ? r2.__h = [] : (i4.__h.some(C3), i4.__h.some(D3), t2 = 0), i4.__h = [], i4.__.some(function(n3) {
    n3.__N && (n3.__ = n3.__N), n3.u = n3.__N = void 0;
  })), u3 = r2;
}, a3.diffed = function(n2) {
  m3 && m3(n2);
  var t3 = n2.__c;
  t3 && t3.__H && (t3.__H.__h.length && B3(c3.push(t3)), t3.__H.__.some(function(n3) {
    n3.u && (n3.__H = n3.u);
  })), u3 = r2 = null;
}, a3.__c = function(n2, t3) {
  t3.some(function(n3) {
    try {
      n3.__h.some(C3), n3.__h = n3.__h.filter(function(n4) {
        return !n4.__ || D3(n4);
      });
    } catch (t4) {
      n3.__h = [function() {
        throw t4;
      }];
    }
  }), h3 && h3(n2, t3);
}, a3.unmount = function(n2) {
  s3 && s3(n2);
  var t3, r3, u4 = n2.__c;
  u4 && u4.__H && (u4.__H.__.some(function(u5) {
    try {
      if (u5.__P && u5.__c) {
        if (void 0 === r3) {
          for (r3 = n2.__; r3 && (!r3.__c || !r3.__c.__P); ) r3 = r3.__;
          r3 = r3 && r3.__c;
        }
        u5.__P = r3, B3(e3.push(u5));
      } else C3(u5);
    } catch (n3) {
      t3 = n3;
    }
  }), u4.__H = void 0, t3 && a3.__e(t3, u4.__v));
};
var k3 = "function" == typeof requestAnimationFrame;
function z3(n2) {
  var t3, r3 = function() {
    clearTimeout(u4), k3 && cancelAnimationFrame(t3), setTimeout(n2);
  }, u4 = setTimeout(r3, 35);
  k3 && (t3 = requestAnimationFrame(r3));
}
function B3(n2) {
  1 != n2 && i3 == a3.requestAnimationFrame || ((i3 = a3.requestAnimationFrame) || z3)(g3);
}
function C3(n2) {
  var t3 = r2, u4 = n2.__c;
  "function" == typeof u4 && (n2.__c = void 0, u4()), r2 = t3;
}
function D3(n2) {
  var t3 = r2;
  n2.__c = n2.__(), r2 = t3;
}

// node_modules/preact/compat/dist/compat.mjs
var w4 = Object.assign;
var x4 = /^(-|f[lo].*[^se]$|g.{5,}[^ps]$|z|o[pr]|(W.{5})?[lL]i.*(t|mp)$|an|(bo|s).{4}Im|sca|m.{6}[ds]|ta|c.*[st]$|wido|ini|asp|fill|st)/;
var P4 = /* @__PURE__ */ Symbol.for("react.element");
var $3 = /^(?:accent|alignment|arabic|baseline|cap|clip(?!PathU)|color|dominant|fill|flood|font|glyph(?!R)|horiz|image(?!S)|letter|lighting|marker(?!H|W|U)|overline|paint|pointer|shape|stop|strikethrough|stroke|text(?!L)|transform|underline|unicode|units|v|vector|vert|word|writing|x(?!C))[A-Z]/;
var z4 = /[A-Z0-9]/g;
var H3 = typeof document < "u";
var Y = function(n2) {
  return /fil|che|rad/.test(n2);
};
x.prototype.isReactComponent = true, ["componentWillMount", "componentWillReceiveProps", "componentWillUpdate"].forEach(function(n2) {
  Object.defineProperty(x.prototype, n2, { configurable: true, get: function() {
    return this["UNSAFE_" + n2];
  }, set: function(t3) {
    Object.defineProperty(this, n2, { configurable: true, writable: true, value: t3 });
  } });
});
var J2 = n.event;
n.event = function(n2) {
  return J2 && (n2 = J2(n2)), n2.persist = function() {
  }, n2.isPropagationStopped = function() {
    return this.cancelBubble;
  }, n2.isDefaultPrevented = function() {
    return this.defaultPrevented;
  }, n2.nativeEvent = n2;
};
var K2 = { configurable: true, get: function() {
  return this.class;
} };
var Q2 = n.vnode;
n.vnode = function(t3) {
  if ("string" == typeof t3.type) !(function(t4) {
    var e5 = t4.props, r4 = t4.type, u4 = {}, i4 = -1 == r4.indexOf("-");
    for (var o4 in e5) {
      var f4 = e5[o4];
      if (!("value" == o4 && "defaultValue" in e5 && null == f4 || H3 && "children" == o4 && "noscript" == r4 || "class" == o4 || "className" == o4)) {
        if ("style" == o4 && f4 && f4.constructor == Object) {
          var l4 = void 0;
          for (var a5 in f4) "number" != typeof f4[a5] || x4.test(a5) || (l4 || (l4 = f4 = w4({}, f4)), f4[a5] += "px");
        } else if ("defaultValue" == o4 && "value" in e5 && null == e5.value) o4 = "value";
        else if ("download" == o4 && true === f4) f4 = "";
        else if ("translate" == o4 && "no" === f4) f4 = false;
        else if ("o" == o4[0] && "n" == o4[1]) {
          var c4 = o4.toLowerCase();
          "ondoubleclick" == c4 ? o4 = "ondblclick" : "onchange" != c4 || "input" != r4 && "textarea" != r4 || Y(e5.type) ? "onfocus" == c4 ? o4 = "onfocusin" : "onblur" == c4 && (o4 = "onfocusout") : c4 = o4 = "oninput", "oninput" == c4 && u4[o4 = c4] && (o4 = "oninputCapture");
        } else i4 && $3.test(o4) ? o4 = o4.replace(z4, "-$&").toLowerCase() : null === f4 && (f4 = void 0);
        u4[o4] = f4;
      }
    }
    if ("select" == r4) {
      var s4 = null != u4.defaultValue ? u4.defaultValue : u4.multiple && Array.isArray(u4.value) ? u4.value : null;
      null != s4 && (u4.value = O(e5.children).forEach(function(n2) {
        n2.props.selected = u4.multiple ? -1 != s4.indexOf(n2.props.value) : s4 == n2.props.value;
      }));
    }
    e5.class && !e5.className ? (u4.class = e5.class, Object.defineProperty(u4, "className", K2)) : e5.className && (u4.class = u4.className = e5.className), t4.props = u4;
  })(t3);
  else if ("function" == typeof t3.type && ("ref" in t3.props && "prototype" in t3.type && t3.type.prototype.render && (t3.ref = t3.props.ref, delete t3.props.ref), t3.type.defaultProps)) {
    var e4 = w4({}, t3.props);
    for (var r3 in t3.type.defaultProps) void 0 === e4[r3] && (e4[r3] = t3.type.defaultProps[r3]);
    t3.props = e4;
  }
  t3.ref && !("ref" in t3.props) && Object.defineProperty(t3.props, "ref", { value: t3.ref, configurable: true, writable: true }), t3.$$typeof = P4, Q2 && Q2(t3);
};
var en = /* @__PURE__ */ Symbol.for("pv");
function rn(n2, t3, e4) {
  if (n2) {
    var r3 = n2.__c && n2.__c.__H;
    r3 && (r3.__.forEach(function(n3) {
      null != n3.__P && ("function" == typeof n3.__c && n3.__c(), n3.__c = n3.__H = void 0);
    }), r3.__h = n2.__c.__h = []), "string" == typeof n2.type && (n2.__u |= 8), null != (n2 = w4({ constructor: en }, n2)).__c && (n2.__c.__P == e4 && (n2.__c.__P = t3), n2.__c.__g |= 4, n2.__c = n2.ref = null), n2.__k = n2.__k && n2.__k.map(function(n3) {
      return rn(n3, t3, e4);
    });
  }
  return n2;
}
function un(n2, t3, e4) {
  return n2 && e4 && (n2.__v = null, n2.__k = n2.__k && n2.__k.map(function(n3) {
    return un(n3, t3, e4);
  }), n2.__c && n2.__c.__P == t3 && (n2.__e && e4.appendChild(n2.__e), n2.__c.__g |= 4, n2.__c.__P = e4)), n2;
}
function on() {
  function n2() {
    this.__u = 0, this.i = null, this.__b = null;
  }
  return (function() {
    var n3 = n.__e;
    n.__e = function(t4, e4, r3, u4) {
      if (t4 && t4.then) {
        for (var i4, o4 = e4; o4 = o4.__; ) if ((i4 = o4.__c) && i4.__c) return r3 && !r3.__c && (e4.__c.__H = void 0), i4.__c(t4, e4);
      }
      n3(t4, e4, r3, u4);
    };
    var t3 = n.unmount;
    n.unmount = function(n4) {
      var e4 = n4.__c;
      e4 && e4.__R && e4.__R(), t3 && t3(n4);
    };
  })(), (n2.prototype = new x()).__c = function(n3, t3) {
    var e4 = this, r3 = t3.__c;
    null == this.i && (this.i = []), this.i.push(r3);
    var u4 = false, i4 = function() {
      !u4 && e4.__P && (u4 = true, r3.__R = null, f4());
    };
    r3.__R = i4;
    var o4 = r3.__P;
    r3.__P = null;
    var f4 = function() {
      if (!--e4.__u) {
        if (e4.state.__a) {
          var n4 = e4.state.__a;
          e4.__v.__k[0] = un(n4, n4.__c.__P, n4.__c.__O);
        }
        var t4;
        for (e4.setState({ __a: e4.__b = null }); t4 = e4.i.pop(); ) t4.__P = o4, t4.forceUpdate();
      }
    };
    this.__u++ || 32 & t3.__u || this.setState({ __a: this.__b = this.__v.__k[0] }), n3.then(i4, i4);
  }, n2.prototype.componentWillUnmount = function() {
    this.i = [], this.state.__a && (this.__v.__k[0] = this.state.__a);
  }, n2.prototype.render = function(n3, t3) {
    if (this.__b) {
      if (this.__v.__k) {
        var r3 = document.createElement("div"), u4 = this.__v.__k[0].__c;
        this.__v.__k[0] = rn(this.__b, r3, u4.__O = u4.__P);
      }
      this.__b = null;
    }
    return [k($, null, t3.__a ? null : n3.children), t3.__a && k($, null, n3.fallback)];
  }, n2;
}
var fn = /* @__PURE__ */ on();

// src/reviews.js
var REVIEWS = [
  { by: "Virginia Woolf", text: "One of the few English novels written for grown-up people" },
  { by: "Emily Dickinson", text: "What do I think of glory?" }
];
async function loadReviews() {
  await new Promise((done) => setTimeout(done, 200));
  return REVIEWS;
}

// node_modules/preact/jsx-runtime/dist/jsxRuntime.mjs
var f3 = /* @__PURE__ */ Symbol.for("pv");
var o3 = 0;
function a4(t3, e4, n2, u4, a5, i4) {
  e4 || (e4 = {});
  var c4, l4, p4 = e4;
  if ("ref" in p4 && "function" != typeof t3) for (l4 in p4 = {}, e4) "ref" == l4 ? c4 = e4[l4] : p4[l4] = e4[l4];
  var s4 = { type: t3, props: p4, key: n2, ref: c4, __k: null, __: null, __b: 0, __e: null, __c: null, constructor: f3, __v: --o3, __i: -1, __u: 0 };
  return (a5 || i4) && (s4.__source = a5, s4.__self = i4), n.vnode && n.vnode(s4), s4;
}

// src/page.jsx
function Page({ title }) {
  return /* @__PURE__ */ a4("html", { lang: "en", children: [
    /* @__PURE__ */ a4("head", { children: [
      /* @__PURE__ */ a4("meta", { charset: "utf-8" }),
      /* @__PURE__ */ a4("title", { children: title })
    ] }),
    /* @__PURE__ */ a4("body", { children: [
      /* @__PURE__ */ a4("h1", { children: title }),
      /* @__PURE__ */ a4(fn, { fallback: /* @__PURE__ */ a4("p", { children: "Loading reviews\u2026" }), children: /* @__PURE__ */ a4(Reviews, { reviews: later(loadReviews(title)) }) })
    ] })
  ] });
}
function Reviews({ reviews }) {
  return /* @__PURE__ */ a4("ul", { children: reviews.read().map(({ by, text }) => /* @__PURE__ */ a4("li", { children: [
    /* @__PURE__ */ a4("q", { children: text }),
    " ",
    by
  ] }, by)) });
}
function later(promise) {
  let done = false;
  let value;
  const settled = promise.then((result) => {
    done = true;
    value = result;
  });
  return {
    read() {
      if (!done) throw settled;
      return value;
    }
  };
}

// src/index.jsx
var HEADERS = { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" };
var index_default = {
  fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== "/") return new Response("Not found\n", { status: 404 });
    const page = z2(/* @__PURE__ */ a4(Page, { title: searchParams.get("title") ?? "Middlemarch" }));
    return new Response(page, { headers: HEADERS });
  }
};
export {
  index_default as default
};
