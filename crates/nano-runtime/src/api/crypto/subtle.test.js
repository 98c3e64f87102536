const { subtle } = crypto;
const utf8 = (text) => new TextEncoder().encode(text);
const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
const bytes = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const base64url = (text) => btoa(String.fromCharCode(...bytes(text))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
const flipped = (buffer, at) => new Uint8Array(buffer).map((byte, i) => (i === at ? byte ^ 1 : byte));
const SIGN = ["sign"], VERIFY = ["verify"], BOTH = ["sign", "verify"];
const DERIVE = ["deriveKey", "deriveBits"];
const CIPHER = ["encrypt", "decrypt", "wrapKey", "unwrapKey"];

// RFC 6979, A.2.5 to A.2.7: message "sample", the signatures with some hashes.
const ECDSA = {
  "P-256": {
    d: "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
    x: "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6",
    y: "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
    signatures: {
      "SHA-1": "61340C88C3AAEBEB4F6D667F672CA9759A6CCAA9FA8811313039EE4A35471D326D7F147DAC089441BB2E2FE8F7A3FA264B9C475098FDCF6E00D7C996E1B8B7EB",
      "SHA-256": "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
      "SHA-512": "8496A60B5E9B47C825488827E0495B0E3FA109EC4568FD3F8D1097678EB97F002362AB1ADBE2B8ADF9CB9EDAB740EA6049C028114F2460F96554F61FAE3302FE",
    },
  },
  "P-384": {
    d: "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
    x: "EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13",
    y: "8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720",
    signatures: {
      "SHA-256": "21B13D1E013C7FA1392D03C5F99AF8B30C570C6F98D4EA8E354B63A21D3DAA33BDE1E888E63355D92FA2B3C36D8FB2CDF3AA443FB107745BF4BD77CB3891674632068A10CA67E3D45DB2266FA7D1FEEBEFDC63ECCD1AC42EC0CB8668A4FA0AB0",
      "SHA-384": "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE4699EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8",
    },
  },
};
const ecJwk = (curve, isPrivate) => {
  const { d, x, y } = ECDSA[curve];
  return { kty: "EC", crv: curve, x: base64url(x), y: base64url(y), ...(isPrivate && { d: base64url(d) }) };
};
const ecdsa = (namedCurve) => ({ name: "ECDSA", namedCurve });
for (const curve of Object.keys(ECDSA)) {
  test(`ECDSA: ${curve}, RFC 6979`, async () => {
    const key = await subtle.importKey("jwk", ecJwk(curve), ecdsa(curve), true, VERIFY);
    for (const [hash, signature] of Object.entries(ECDSA[curve].signatures)) {
      const algorithm = { name: "ECDSA", hash };
      assertEquals(await subtle.verify(algorithm, key, bytes(signature), utf8("sample")), true, hash);
      assertEquals(await subtle.verify(algorithm, key, flipped(bytes(signature), 5), utf8("sample")), false);
      assertEquals(await subtle.verify(algorithm, key, bytes(signature), utf8("Sample")), false);
      assertEquals(await subtle.verify(algorithm, key, new Uint8Array(bytes(signature).length), utf8("sample")), false);
      assertEquals(await subtle.verify(algorithm, key, bytes(signature).slice(1), utf8("sample")), false);
    }
  });
}

const SIZES = { "P-256": 32, "P-384": 48, "P-521": 66 };
for (const curve of Object.keys(SIZES)) {
  test(`ECDSA: ${curve}, all hashes and formats`, async () => {
    const pair = await subtle.generateKey(ecdsa(curve), true, BOTH);
    assertEquals([pair.publicKey.usages, pair.privateKey.usages], [VERIFY, SIGN]);
    assertEquals(pair.privateKey.algorithm, { name: "ECDSA", namedCurve: curve });
    let { publicKey, privateKey } = pair;
    for (const format of ["raw", "spki", "jwk"]) {
      const data = await subtle.exportKey(format, publicKey);
      publicKey = await subtle.importKey(format, data, ecdsa(curve), true, VERIFY);
    }
    for (const format of ["pkcs8", "jwk"]) {
      const data = await subtle.exportKey(format, privateKey);
      privateKey = await subtle.importKey(format, data, ecdsa(curve), true, SIGN);
    }
    for (const hash of ["SHA-1", "SHA-256", "SHA-384", "SHA-512"]) {
      const algorithm = { name: "ECDSA", hash };
      const signature = await subtle.sign(algorithm, privateKey, utf8("data"));
      assertEquals(signature.byteLength, 2 * SIZES[curve]);
      assertEquals(await subtle.verify(algorithm, pair.publicKey, signature, utf8("data")), true);
      assertEquals(await subtle.verify(algorithm, publicKey, signature, utf8("Data")), false);
    }
    const raw = new Uint8Array(await subtle.exportKey("raw", publicKey));
    const compressed = raw.slice(0, 1 + SIZES[curve]);
    compressed[0] = 2 + (raw.at(-1) & 1);
    const again = await subtle.importKey("raw", compressed, ecdsa(curve), true, VERIFY);
    assertEquals(hex(await subtle.exportKey("raw", again)), hex(raw));
    for (const bad of [flipped(raw, 9), raw.slice(1), raw.slice(0, 0), flipped(raw, 0), new Uint8Array([0]), new Uint8Array(raw.length)]) {
      await assertRejects(subtle.importKey("raw", bad, ecdsa(curve), true, VERIFY), "DataError");
    }
  });
}

test("ECDH: P-256, RFC 5903 8.1, and how many bits", async () => {
  const secret = "D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE".toLowerCase();
  const jwk = (d, x, y) => ({ kty: "EC", crv: "P-256", x: base64url(x), y: base64url(y), ...(d && { d: base64url(d) }) });
  const ours = jwk("C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433",
    "DAD0B65394221CF9B051E1FECA5787D098DFE637FC90B9EF945D0C3772581180", "5271A0461CDB8252D61F1C456FA3E59AB1F45B33ACCF5F58389E0577B8990BB3");
  const theirs = jwk(undefined, "D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63",
    "56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB");
  const ecdh = { name: "ECDH", namedCurve: "P-256" };
  const key = await subtle.importKey("jwk", ours, ecdh, false, DERIVE);
  const peer = await subtle.importKey("jwk", theirs, ecdh, false, []);
  const bits = (length, from = peer) => subtle.deriveBits({ name: "ECDH", public: from }, key, length);
  assertEquals(hex(await bits()), secret);
  assertEquals(hex(await bits(null)), secret);
  assertEquals(hex(await bits(16)), "d684");
  assertEquals(hex(await bits(11)), "d680");
  assertEquals(hex(await bits(0)), "");
  await assertRejects(bits(257), "OperationError");
  await assertRejects(bits(8, key), "InvalidAccessError");
  const other = await subtle.generateKey({ name: "ECDH", namedCurve: "P-384" }, false, DERIVE);
  await assertRejects(bits(8, other.publicKey), "InvalidAccessError");
  await assertRejects(subtle.deriveBits({ name: "ECDH", public: peer }, peer, 8), "InvalidAccessError");
  const derived = await subtle.deriveKey({ name: "ECDH", public: peer }, key, { name: "AES-GCM", length: 256 }, true, ["encrypt"]);
  assertEquals(hex(await subtle.exportKey("raw", derived)), secret);
});

// RFC 8032, 7.1, test 2, and RFC 7748, 6.1.
test("Ed25519: RFC 8032", async () => {
  const d = base64url("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
  const x = base64url("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const key = await subtle.importKey("jwk", { kty: "OKP", crv: "Ed25519", d, x }, "Ed25519", true, SIGN);
  const signature = await subtle.sign("ed25519", key, bytes("72"));
  assertEquals(hex(signature),
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  const publicKey = await subtle.importKey("jwk", { kty: "OKP", crv: "Ed25519", x, alg: "EdDSA" }, "Ed25519", true, VERIFY);
  assertEquals(await subtle.verify("Ed25519", publicKey, signature, bytes("72")), true);
  for (const bad of [flipped(signature, 3), flipped(signature, 40), signature.slice(1), new ArrayBuffer(0)]) {
    assertEquals(await subtle.verify("Ed25519", publicKey, bad, bytes("72")), false);
  }
  const pkcs8 = await subtle.exportKey("pkcs8", key);
  assertEquals(hex(pkcs8).slice(0, 32), "302e020100300506032b657004220420");
  const again = await subtle.importKey("pkcs8", pkcs8, "Ed25519", true, SIGN);
  assertEquals(await subtle.exportKey("jwk", again), { alg: "Ed25519", crv: "Ed25519", d, ext: true, key_ops: SIGN, kty: "OKP", x });
  const spki = await subtle.exportKey("spki", publicKey);
  assertEquals(hex(spki).slice(0, 24), "302a300506032b6570032100");
  assertEquals((await subtle.importKey("spki", spki, "Ed25519", true, VERIFY)).type, "public");
  await assertRejects(subtle.importKey("spki", spki, "X25519", true, []), "DataError");
  await assertRejects(subtle.importKey("jwk", { kty: "OKP", crv: "Ed25519", d, x: d }, "Ed25519", true, SIGN), "DataError");
  // A key of small order verifies nothing, not even the signature of zeros that would fit it.
  const small = await subtle.importKey("raw", flipped(new Uint8Array(32), 0), "Ed25519", true, VERIFY);
  assertEquals(await subtle.verify("Ed25519", small, flipped(new Uint8Array(64), 0), bytes("72")), false);
});

test("X25519: RFC 7748", async () => {
  const key = await subtle.importKey("jwk", { kty: "OKP", crv: "X25519", d: base64url(X_PRIVATE), x: base64url(X_PUBLIC) }, "X25519", false, DERIVE);
  const peer = await subtle.importKey("raw", bytes(X_PEER), "X25519", true, []);
  assertEquals(hex(await subtle.deriveBits({ name: "X25519", public: peer }, key)), X_SECRET);
  const zero = await subtle.importKey("raw", new Uint8Array(32), "X25519", true, []);
  await assertRejects(subtle.deriveBits({ name: "X25519", public: zero }, key, 256), "OperationError");
  const pair = await subtle.generateKey("X25519", true, ["deriveBits"]);
  const [one, two] = await Promise.all([
    subtle.deriveBits({ name: "X25519", public: pair.publicKey }, key, 256),
    subtle.deriveBits({ name: "X25519", public: await subtle.importKey("raw", bytes(X_PUBLIC), "X25519", true, []) }, pair.privateKey, 256),
  ]);
  assertEquals(hex(one), hex(two));
});
const X_PRIVATE = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
const X_PUBLIC = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
const X_PEER = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
const X_SECRET = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";

const RSA = {
  jwk: {
    kty: "RSA",
    n: "uA9dVrXZz16ZrhvJGYWZCoFNTlAOiO6EGe-UsHRl-_hYCdXJwPGuWzgolAgPp6wyYRDjoY6G2rGae5yHwGuiyKwg-pp3M44u1oFD7Syi2L-aBQBUJHjZLZ-Kj-mPELZZPjfQdjh7PaM218rBsWLrIxgORsnCt1oc5__wipy27OKbO6rBLEBafYlGCiGaFz4m83vkFsst4vkqxw6pqv0QZwaFt3wtrgg41ea7tKmd0NgIGzb1InpImOCOq0Y6DRVzqBayQdBGjK7lb_G8D2oevo1h_cC_ItmXD1LgRRNTFhIdIMWQhxbU52LKAKWyJWj75Ra864WIdV2Ia7EmgTChPQ",
    e: "AQAB",
    d: "Ckk9h5-BDSA1yW-fFPCM5XPlbJd3wHpH4qUrc5MFsgemb-JFNKWs_0cLqX4r1cx_QkJt3jT3X1hmkDrmsT-yqLFJ5IdmWvi6sF0n_SSt8xv-EQJ8MU-Zn32XgkRkrOPr59i5qymr5X1uDrAzk-S5zEvHXHhhC9sa23JHsI9if6lvvwloGQ5HH5QM6pK7opePlgNLG_6ecPKjAl0_20nLQqF5bG3byEeor268ClHeJK_sPQ-cHmw7ci7-w4U8yyg6vzAojyfQI7ITWpnRwa0BH5xoUQ5kogpPW78evKexSee902WjjMx1h0zPbDq46lkdqgKgwk9v7tu1dbDIPKHAsQ",
    p: "_mJk-GQ8_jrFHJ-tnocFoRUm9E7hoayLuaqNGNUV-FUb__Bi8K0xVPGsNVEkDc9W3yOlVcxHoTxSImjBJKneDrHN3uG-Dzr95qJvm6Geu3vvj2Yn0Bf26oahDAd1ISarYGLLngT_B1BjsPCcf3Qy2x74e7TykQm5mOxKnMUQhPk",
    q: "uTqhGJtkZpSsklvDnc7V2ZnFSdvaI8fp96oH28xQ81gTsD9NgcXZlWzQbBp8MuX-xW8atsj662mqj3PDPEr-yLYx6rvs8Kbqn1hh-9Z7nRepiRjtou29_BvCvtUyIyUdksJHDE4ExJ_0Y1N6G4QpBXhWMF9GlhozIi4ykwCXQ2U",
    dp: "JAtBD0j0s3kUUNf3O80Z6RccK-W5ZrUSHz6hO3GF6Wf1za_79Oo1YTnVEsDqgOJuBrQAS0XkqF3prWJ2a4F-K0raRshpq7LKIxHFCqI94YbQDNuGrJ-YpuZoj1HHMOlPwxp8i2ld0WV8mqedJRoL0qxyvOSIsjBUkex5LflmO9E",
    dq: "P1IvqD3XAMpqhE4ifVwr9wt-SlWCKSE6dpQFw7oBIm9Fq8a4NFjynQZp6crUEoJVqiDlPP9P6BJjYE7uuznYB71hKyG7SjmFk5ufQ3x7HaTtLBT9h-lGPV0wIhS34xPZHEaWCzrQnncgEKSE5cs0Ss5siHTJqJ6kRFcOqvpUu5E",
    qi: "c0DZfGNLsBKKv6wCUPDzdRNsyoEeM9cCKEqTtTXVsL-GAQDBAXQqvp3ahJRR9xgmJjcQHxA8MY5uvEGrQS23Dq0FN_K21az_2RgxrpOfw0WYnuT9HRqZLzsaJtSSt3Y4AJWpMISgDj3QPH_WM4Qp3mvajD10TWt6nLWpPFixlQA",
  },
  pkcs1: {
    "SHA-256": "466a37027d709041dc062297fce1a759216b238e69b00265dc4d8cc18b124ff8cf291f46d32c3a97de85f3a7e536dce8e57c77ddf485115349a27c860084fc415b83847767a602de85bf820914d41ae059d52100d3e56bb9f318ccb682eb58e0647c705369c2c5b0a3d23d11c0bd4356ddd8f6abfca246557c6a00f1c9cb4ea5d4d118915c7a8c6a9a2c1e6b7723aba03dd44cb0af5f2bd306e667235e397f268c247adc16421bbd34442130fa96e36df270cae65f61d55e558d6153f10f78902f9cbd95c62f77900094206178bf68c8c5eb251cd7e8442e1361a08b239588b558d032701caa7a202c1c55a8acc2e2f3325067d5f8a310c3540d7fb4e56e766b",
    "SHA-384": "5336cf5b0d30d75818fcb7e316b824a84320bbf843956b3ed83c3ffa2cf78ec996c7dc53e593b71a44241558a5c19017f10dcf0bdadce566f7d14b76f8919d6bb8c43dd5bb03b4ea06b741cc7d1c63eab0eed95e5dec72a546bf795e57b12bc54a3d05e3b704cdb6aef921ee3524942e091802ba23f02d15d566dea2e4a5b7f58fd4258fad7a108a6694497db5658764dbad2dc9583eb9cd1bdbb3832c18c9e9e1d9fff28892c05114f6921a9064cbbfb5edfca439232f85a16333139ebe67a9832cfaef0a4da39b1bb42905bca0dc645d90284816b18223ea16c4d5a1c886afd59aee5e8a0fcedc345e9263ecdbadcd3178a2f9846ff0525b26dd389a361175",
    "SHA-512": "8089c4b5ed5c98098827d141d3a052791724b4995bdacbd165be24007c0a576df2fcaa05f2c34da0533b98a5098bbc06610bdf36f5717d77a3724b9695e1dadc1f75cc4206945810b82ea91e09d1e12ac547f58a9c838c7aa20839daf6d4f51c7451742b993702e78a35005dda5442a879047502da592412c0abe80d06ba5635ef9ed47aa4f3621d3215c7e50a9e4f83458dc77845caeab2cfec91d85b4dfa82abfa8a52b4bd093396546d433e881707f441a888be0161f2531d7b5842edbc5fe9d2a0678dc60f673d1de22e5f7636a96f8d120452c7270d33fa349285cfb98ba991c7184cd8946b200303a0afb3237cf440c38588f7f6f4df513799e71e5f3f",
    "SHA-1": "4252d20f485a209302573f381efb399ee7d07ea4c842cd6b6f877433e3b4f299491b09461e708f7d7e0275771f6ee34d307bbe888562e37410791d1f2f2944707ece10822b98944ba025c8f0fd69ede5a5ef08fd8386afcd99bbe0b930f6e9f1111361849db8dd7687f568037724954e051a54715db03b3b823b91b443cbcd9d295fd9fd0cc8708436d4c0d0371acddf5c152d37da652a7e78aeda0a6770eee52197825b13732268d2f391b67368cf8a9595909e48206ac03bda6402c82a5cd53fec425a8d6ea28c0fdb83f590abcc403c45ac8daeb11b9b210c70fab8e5c469aaa6b2eaa24b86e577f14b0984f67296ae1867594f4147622b9656c44e5d0913",
  },
  pss: { 0: "adb5e5bbdb0a950fe889e398e2aa1f062d9f9c5ba5d9c32271dd8c064718e094395257b671c8e279a268f95c8da33056e262cc8e61348f33b7d8395f75046e36b671a4deb15ec3ac76265a998fd60940a20f4180b0e322e74dc8e40bdaa362daa462ef0a84935b742706125c59465084c5236d0ff97b8b71906eab246440a47d98b3e70e46dd742080620e6e3412f376702c2d6200c10b3e12b6e646a3e599ef437f751531e1650cb493cc84ea8c2299cfff04f25140d74aea340a4756f3a0372f55093e9a1ec9d23d14769a03b882aa10b4b96f41f4231ad62291f09da979c0738b8c0029d65989d85b45c39d1c213ded80b755aa3122e5f606d913aa833d3a", 20: "214d6a2d3920b2d319c8e0931687757c340af717a62beac4c977c1065ec740f041c014f17cb7c5956dff906b596a359d59272a52007846fa46208e14fe6a0e9020da85f65c42d4cab2a4045b684027856dde1891c56d7a71c884ffde66b44b623a7f8bde1926f93e23df931462f367be8d224cfe9ab972bcc3a160f1290f55da91989f49b9f60f5302ac21a1bff2f09b1501d9d0954091a9d8a048457203e6cdff519ad2e1a1857bdb1b9cee35c75622457b9ef9e5d32c951671e0529d4ea8869a8e555f6962361a18c186d0906f9e9d137f9082f8c0f22aaa37a22bdaddb9415910bfd4c51e4afa3a9a4cb0b7b76e1820b31ac9f8f565ecde9efee764518597" },
  oaep: {
    "SHA-1": "68ac345a45c9f666ae08c24540531c7b2a00ef65f2aa50905a8bb07437e8814c77f65f369da3770ebdb5f8e91441eb9df2fed58dcacfe5d70734716b398ee6e14bdcf5593d036f4f17412a5e36a8484bfcb44ba33be33ed73e773b9a3871de8cc8f027fb10f0c030f24a82c4367ce0d8c06a14e64c641691f71540d90c9b38fef233a76e0b4c3efde93fd432904450478104a9e5d043fb9f1f743b5b242558959a45304c7821f77d07f706c8000490c4a2b390fd2aa3e3a00388754619fb9998f0981d4cbcaed56e68b1d6dc4651a0a60ac0feb7bc070d0bc301bb682f87d10f9cd3cd3877939a2ce49431416464c82d5dd300497bd23a045a00724bc09cf3e2",
    "SHA-256": "561a4a871b0fb84044e851a2e076f273efc5753e0ea7e135fed57e80b8a69395150ff0133b87613debc04faef7087c08124e2f169be6689801dd55c4a8f5fa9860775e68598fe2ed481f071012feb380eb89368c385f17f6d51396b2d5955893d237fe6fa4ace4588ff458c8c4f45e8937fcd48dc11135c18b7a56a3af06a3de5787a2f9d227008026b550d751b1026fec57c139f4d5921216913d56cd78548919d7ac39bd2c00f61b5df0ac26367e205ef261f8001c2a74ba2ac8292d4d0ca86eda35f3833ccc259b52f37849d9144af83bbd1b79ce10d0f37692144e628832173db20721bf812b0157af8af6f785ea27bd4a4700dc6900ae2631fe5a4c0210",
    "SHA-384": "4836b948cd215cde8de8e140691c3591725176ca38201acd929eb9a7d089a0b2c1d52f8f7ea02b6d6577c49b25e609e658d39e0492de68162da5b102d4afff8cb2317781df232c68ab5eecc3247ba5c945b2f2c4b2ba9cae30151eaa800b8bb77692fd16c004c6de7451c9e8876c11c0e79fb81c920e2cd3f574ccc178f3fe805c497e78163dfcec89606741215f6305e893b189b40c29fabfe4b4ebae2a077fef5ca48315056f6c247905706707e9d7a6a3741ab5c9c1cadaf8778ab6e3c7fc0d67e830a24d77944943783bb3d540705c8406a704d78fb0d3284ee840eed1d4c8151889b16b56f6957706728e754c2f419c3df95f06acec0b4f694c835c208f",
    "SHA-512": "4a724ed63b8eda2006dcf9a34fa72ee2286da2338bfb4d9f31ef8d4acb70c823ed7d29ed05efeef078baff954232d64c5a6ce9c55802089895d0a3559a8329e0d0c3f8b686dca7622c0a1656f6eb6578428b7e0f33473a1dc7352a11466c57087b7142c2c43fda94b1b759e8cb7e26ea0bed14a1f918e1a6e7601aeeb108b0d4686ea1e8d6e12efdb7592f4b3e49cca6025697afee74aaf2389a5b99778e3e0ff77d80aac82708c43f0609121165f3c5a706401a360bde8ca140b0d324318b6e2030bda3240cdfe83205b34c105faa9de4cb0bde8003255cdd2dc998645cb6347d58c8653cc732cb1f335d5b1b344054f96c47096378bd653f4f2a431b24bc00",
  },
  short: { jwk: {"kty": "RSA", "n": "2-1W1QSFhECX8ulmfqaQpVNMAKmMiwCgP-8eH4mILOdyAnDz454RXXxlUSMhVTM-jez1UOOCrzb7jdjAS92jmm-2aVw2MrXAKZJ9Rn7qHM_qOUGy_4oirKavtB6zYDlE1_BKOA8Q2dKFjmUK_IV9dLi95Yv5L-g9siAyWsWHRvU", "e": "AQAB"}, signature: "546f3288c9652e400e234af8b49bde1ddc0775eb6ed9361821cdeadf732b3cb0b356203d89ab771f51c98fa4642073b23efd4a56a273708704845f8a757ede1ffbd094596746eb048d1d88d7f940db66b8f3dfe437f5a7765753eb72d809fe41e41d0925cd78c90c39d1321f2d60264838a6d7c10e98aa58e3d9b28e4188ff3e" },
};
const rsa = (name, hash) => ({ name, hash });
const { d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...RSA_PUBLIC } = RSA.jwk;
const rsaKey = (name, hash, usages) =>
  subtle.importKey("jwk", usages[0] === "verify" || usages[0] === "encrypt" ? RSA_PUBLIC : RSA.jwk, rsa(name, hash), true, usages);
const PKCS1 = "RSASSA-PKCS1-v1_5";

// Signatures and ciphertexts by OpenSSL.
for (const hash of ["SHA-1", "SHA-256", "SHA-384", "SHA-512"]) {
  test(`RSA: signatures with ${hash}`, async () => {
    const key = await rsaKey(PKCS1, hash, SIGN);
    const signature = await subtle.sign(PKCS1, key, utf8("nano"));
    assertEquals(hex(signature), RSA.pkcs1[hash]);
    const publicKey = await rsaKey(PKCS1, hash, VERIFY);
    assertEquals(await subtle.verify(PKCS1, publicKey, signature, utf8("nano")), true);
    assertEquals(await subtle.verify(PKCS1, publicKey, flipped(signature, 7), utf8("nano")), false);
    assertEquals(await subtle.verify(PKCS1, publicKey, signature.slice(1), utf8("nano")), false);
    const pss = await rsaKey("RSA-PSS", hash, SIGN);
    const pssPublic = await rsaKey("RSA-PSS", hash, VERIFY);
    for (const saltLength of [0, 20, 64, 128, 129, 190]) {
      const made = await subtle.sign({ name: "RSA-PSS", saltLength }, pss, utf8("nano"));
      assertEquals(await subtle.verify({ name: "RSA-PSS", saltLength }, pssPublic, made, utf8("nano")), true);
      assertEquals(await subtle.verify({ name: "RSA-PSS", saltLength: 32 }, pssPublic, made, utf8("nano")), false);
      assertEquals(await subtle.verify({ name: "RSA-PSS", saltLength }, pssPublic, made, utf8("NANO")), false);
    }
    for (const saltLength of [255, 2 ** 32 - 1]) {
      await assertRejects(subtle.sign({ name: "RSA-PSS", saltLength }, pss, utf8("nano")), "OperationError");
    }
  });
}
test("RSA: signatures made elsewhere", async () => {
  const verify = async (algorithm, hash, signature) =>
    subtle.verify(algorithm, await rsaKey(algorithm.name ?? algorithm, hash, VERIFY), bytes(signature), utf8("nano"));
  assertEquals(await verify({ name: "RSA-PSS", saltLength: 0 }, "SHA-256", RSA.pss[0]), true);
  assertEquals(await verify({ name: "RSA-PSS", saltLength: 20 }, "SHA-384", RSA.pss[20]), true);
  assertEquals(await verify({ name: "RSA-PSS", saltLength: 32 }, "SHA-256", RSA.pss[0]), false);
  assertEquals(await verify(PKCS1, "SHA-1", RSA.pkcs1["SHA-1"]), true);
  assertEquals(await verify({ name: "RSA-PSS", saltLength: 20 }, "SHA-1", ""), false);
  const short = await subtle.importKey("jwk", RSA.short.jwk, rsa(PKCS1, "SHA-256"), true, VERIFY);
  assertEquals(short.algorithm.modulusLength, 1024);
  assertEquals(await subtle.verify(PKCS1, short, bytes(RSA.short.signature), utf8("nano")), true);
});
// A key and a signature by OpenSSL.
test("RSA: a short private key", async () => {
  const pkcs8 = bytes("30820277020100300d06092a864886f70d0101010500048202613082025d02010002818100cb986863c12b873dc8ae1d60a9cf3f628cea89df384bdddbd919c2993419636173761699ad4a23b98965195c30aaa48c4645c3e927d8c49aeaedfa1e6e7e135d02b90184d55891d7babd179c3d83acd7896e92007ac9c627bc2a78bfa5d10dc93412447248402c4c4cfa909aa02b282b5c37e957739ee389928cf5ae36d4d73302030100010281805e47392fd867dbbc948d6c3532ed31a0e5384698036dbe52ebf9adcf5bfcd5b46ecf24300dbae3482b839176cb6279c82b526b2230bd846d6894c2da0cb87d26250b3232c27518717131a0c43221b03b8ee42453915b3395f6cbd38e339ebe2ff7542403d47799a559257a5ad44f79a385d715d14f16d143d60cb30ffa40a521024100f45ca3622365026daeef77e2a6b5999242ba8b9803cae91fd77d6f3f87e35651670e3af0dca15c38f98d0fcb195f4cba4dcc53fb13a642f76c573e394bde6be5024100d54aba221db0cb518920ea8c962e860432059e9ecf1286e95ed7209015738e3f08bcf2cc2799f849b1bf0fc5c950e29a764a25e86e1302ab876a7225240c7537024100e6d788c511f8bf258ca7ce523ff8b81df289b58ba2b1922f316bdea75ea0c58f5ad2979da85f8af68bd0d585a0ef65556e5f434aa212639ac72f57a9dae1407d024100aef773034379e0ffcccebcb981053f18b7f4162fce4c3371c34414493ddfa243a12666c2048670bffb587156dd9345a05202f75fd8d42d6f8a514ebb9afbc13702400b320849f6241fb5ca239b67fa12402396c0b9e14cd5a9cfc21e7a3e8aba1df26b818e2427620b84531b5dc0e46acb4220364f507bec5ee9e942fd37414a9632");
  const spki = bytes("30819f300d06092a864886f70d010101050003818d0030818902818100cb986863c12b873dc8ae1d60a9cf3f628cea89df384bdddbd919c2993419636173761699ad4a23b98965195c30aaa48c4645c3e927d8c49aeaedfa1e6e7e135d02b90184d55891d7babd179c3d83acd7896e92007ac9c627bc2a78bfa5d10dc93412447248402c4c4cfa909aa02b282b5c37e957739ee389928cf5ae36d4d7330203010001");
  const keys = async (name, hash, own, others) => [
    await subtle.importKey("pkcs8", pkcs8, rsa(name, hash), true, own),
    await subtle.importKey("spki", spki, rsa(name, hash), true, others),
  ];
  const [key, publicKey] = await keys(PKCS1, "SHA-1", SIGN, VERIFY);
  assertEquals(hex(await subtle.sign(PKCS1, key, utf8("nano"))), "9f36de467d9714773f64dc54b64fc96df489afca1825903c37c44cfab9a936bf307c97551e0b918691a8f97e317d3ee8a3b80d6d874b8c7705480f396728a1c2e112f689f3d7d6d104634dfa7cdbb78e34d87f08c67920124d102d48914d445d13af822ac6e47e7520c0ce8df6c84b3c2678710eb31e575f2857fd0c4750c3cf");
  assertEquals(hex(await subtle.exportKey("pkcs8", key)), hex(pkcs8));
  const jwk = await subtle.exportKey("jwk", key);
  const again = await subtle.importKey("jwk", jwk, rsa(PKCS1, "SHA-1"), true, SIGN);
  const signature = await subtle.sign(PKCS1, again, utf8("nano"));
  assertEquals(await subtle.verify(PKCS1, publicKey, signature, utf8("nano")), true);
  await assertRejects(subtle.importKey("jwk", { ...jwk, p: jwk.q }, rsa(PKCS1, "SHA-1"), true, SIGN), "DataError");
  const pss = { name: "RSA-PSS", saltLength: 20 };
  const [pssKey, pssPublic] = await keys("RSA-PSS", "SHA-256", SIGN, VERIFY);
  const made = await subtle.sign(pss, pssKey, utf8("nano"));
  assertEquals(await subtle.verify(pss, pssPublic, made, utf8("nano")), true);
  assertEquals(await subtle.verify(pss, pssPublic, made, utf8("NANO")), false);
  const oaep = { name: "RSA-OAEP", label: utf8("label") };
  const [decrypting, encrypting] = await keys("RSA-OAEP", "SHA-256", ["decrypt"], ["encrypt"]);
  const sealed = await subtle.encrypt(oaep, encrypting, utf8("nano"));
  assertEquals(hex(await subtle.decrypt(oaep, decrypting, sealed)), hex(utf8("nano")));
  await assertRejects(subtle.decrypt("RSA-OAEP", decrypting, sealed), "OperationError");
});
for (const hash of Object.keys(RSA.oaep)) {
  test(`RSA-OAEP: ${hash}`, async () => {
    const algorithm = { name: "RSA-OAEP", label: utf8("label") };
    const key = await rsaKey("RSA-OAEP", hash, ["decrypt"]);
    assertEquals(hex(await subtle.decrypt(algorithm, key, bytes(RSA.oaep[hash]))), hex(utf8("nano")));
    await assertRejects(subtle.decrypt("RSA-OAEP", key, bytes(RSA.oaep[hash])), "OperationError");
    await assertRejects(subtle.decrypt(algorithm, key, flipped(bytes(RSA.oaep[hash]), 9)), "OperationError");
    const publicKey = await rsaKey("RSA-OAEP", hash, ["encrypt"]);
    const made = await subtle.encrypt("RSA-OAEP", publicKey, new Uint8Array(100));
    assertEquals(hex(await subtle.decrypt("RSA-OAEP", key, made)), hex(new Uint8Array(100)));
    await assertRejects(subtle.encrypt("RSA-OAEP", publicKey, new Uint8Array(257)), "OperationError");
  });
}
test("RSA: keys and their formats", async () => {
  const publicExponent = new Uint8Array([0, 1, 0, 1]);
  const pair = await subtle.generateKey({ name: "RSA-PSS", modulusLength: 2048, publicExponent, hash: "SHA-256" }, false, BOTH);
  assertEquals([pair.privateKey.extractable, pair.publicKey.extractable], [false, true]);
  assertEquals([pair.publicKey.usages, pair.privateKey.usages], [VERIFY, SIGN]);
  assertEquals(pair.publicKey.algorithm,
    { name: "RSA-PSS", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: { name: "SHA-256" } });
  const signature = await subtle.sign({ name: "RSA-PSS", saltLength: 32 }, pair.privateKey, utf8("x"));
  assertEquals(await subtle.verify({ name: "RSA-PSS", saltLength: 32 }, pair.publicKey, signature, utf8("x")), true);
  const key = await rsaKey(PKCS1, "SHA-256", SIGN);
  const pkcs8 = await subtle.exportKey("pkcs8", key);
  const again = await subtle.importKey("pkcs8", pkcs8, rsa(PKCS1, "SHA-512"), true, SIGN);
  assertEquals(await subtle.exportKey("jwk", again), { ...RSA.jwk, alg: "RS512", ext: true, key_ops: SIGN });
  const publicKey = await rsaKey(PKCS1, "SHA-256", VERIFY);
  const spki = await subtle.exportKey("spki", publicKey);
  const publicAgain = await subtle.importKey("spki", spki, rsa("RSA-OAEP", "SHA-1"), true, ["wrapKey"]);
  assertEquals(await subtle.exportKey("jwk", publicAgain), { ...RSA_PUBLIC, alg: "RSA-OAEP", ext: true, key_ops: ["wrapKey"] });
  for (const [format, data, usages] of [["spki", pkcs8, VERIFY], ["pkcs8", spki, SIGN], ["pkcs8", pkcs8.slice(1), SIGN]]) {
    await assertRejects(subtle.importKey(format, data, rsa(PKCS1, "SHA-256"), true, usages), "DataError");
  }
  const broken = { ...RSA.jwk, p: RSA.jwk.q, q: RSA.jwk.p };
  await assertRejects(subtle.importKey("jwk", broken, rsa(PKCS1, "SHA-256"), true, SIGN), "DataError");
  await assertRejects(subtle.importKey("jwk", { ...RSA.jwk, oth: [] }, rsa(PKCS1, "SHA-256"), true, SIGN), "NotSupportedError");
  await assertRejects(subtle.importKey("jwk", { ...RSA.jwk, qi: undefined }, rsa(PKCS1, "SHA-256"), true, SIGN), "DataError");
});

// NIST SP 800-38A, F.2, F.5 (first blocks), RFC 3394, 4.1 and 4.6, and the GCM specification's test cases 4 to 6.
const importAes = (name, key, usages = CIPHER) => subtle.importKey("raw", bytes(key), name, true, usages);
const CTR_CBC = [
  ["2b7e151628aed2a6abf7158809cf4f3c", "874d6191b620e3261bef6864990db6ce", "7649abac8119b246cee98e9b12e9197d"],
  ["8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b", "1abc932417521ca24f2b0459fe7e6e0b", "4f021db243bc633d7178183a9fa071e8"],
  ["603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", "601ec313775789a5b7a7f504bbf3d228", "f58c4c04d6e5f1ba779eabfb5f7bfbd6"],
];
for (const [secret, ctr, cbc] of CTR_CBC) {
  test(`AES-CTR, AES-CBC: ${secret.length * 4} bits`, async () => {
    const data = bytes("6bc1bee22e409f96e93d7e117393172a");
    const counter = bytes("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    const iv = bytes("000102030405060708090a0b0c0d0e0f");
    const key = await importAes("AES-CTR", secret);
    for (const length of [1, 64, 128]) {
      assertEquals(hex(await subtle.encrypt({ name: "AES-CTR", counter, length }, key, data)), ctr);
      assertEquals(hex(await subtle.decrypt({ name: "AES-CTR", counter, length }, key, bytes(ctr))), hex(data));
    }
    const cbcKey = await importAes("AES-CBC", secret);
    const encrypted = await subtle.encrypt({ name: "AES-CBC", iv }, cbcKey, data);
    assertEquals([hex(encrypted).slice(0, 32), encrypted.byteLength], [cbc, 32]);
    assertEquals(hex(await subtle.decrypt({ name: "AES-CBC", iv }, cbcKey, encrypted)), hex(data));
    assertEquals((await subtle.encrypt({ name: "AES-CBC", iv }, cbcKey, utf8(""))).byteLength, 16);
    for (const bad of [new Uint8Array(0), new Uint8Array(15), bytes(cbc)]) {
      await assertRejects(subtle.decrypt({ name: "AES-CBC", iv }, cbcKey, bad), "OperationError");
    }
  });
}
test("AES-CTR: only the counter's bits count", async () => {
  const key = await importAes("AES-CTR", CTR_CBC[0][0]);
  const stream = (counter, length, blocks) =>
    subtle.encrypt({ name: "AES-CTR", counter: bytes(counter), length }, key, new Uint8Array(blocks * 16 - 3));
  const prefix = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfe";
  const whole = hex(await stream(prefix + "0e", 4, 4));
  const parts = [await stream(prefix + "0e", 128, 2), await stream(prefix + "00", 128, 2)].map(hex);
  assertEquals(whole.slice(0, 58), parts[0]);
  assertEquals(whole.slice(64), parts[1]);
  const all = hex(await stream("f".repeat(32), 128, 2));
  assertEquals(all.slice(32), hex(await stream("0".repeat(32), 128, 1)));
  await stream(prefix + "0e", 2, 4);
  await assertRejects(stream(prefix + "0e", 2, 5), "OperationError");
  await assertRejects(stream(prefix + "0e", 0, 1), "OperationError");
  await assertRejects(stream(prefix + "0e", 129, 1), "OperationError");
  await assertRejects(stream(prefix, 64, 1), "OperationError");
});
const GCM = [
  ["cafebabefacedbaddecaf888", "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091", "5bc94fbc3221a5db94fae95ae7121a47"],
  ["cafebabefacedbad", "61353b4c2806934a777ff51fa22a4755699b2a714fcdc6f83766e5f97b6c742373806900e49f24b22b097544d4896b424989b5e1ebac0f07c23f4598", "3612d2e79e3b0785561be14aaca2fccb"],
  ["9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b", "8ce24998625615b603a033aca13fb894be9112a5c3a211a8ba262a3cca7e2ca701e4a9a4fba43c90ccdcb281d48c7c6fd62875d2aca417034c34aee5", "619cc5aefffe0bfa462af43c1699d050"],
];
for (const [iv, ciphertext, tag] of GCM) {
  test(`AES-GCM: iv of ${iv.length / 2} bytes`, async () => {
    const key = await importAes("AES-GCM", "feffe9928665731c6d6a8f9467308308");
    const data = bytes("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
    const additionalData = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    for (const tagLength of [undefined, 32, 64, 96, 104, 112, 120, 128]) {
      const algorithm = { name: "AES-GCM", iv: bytes(iv), additionalData, tagLength };
      const sealed = await subtle.encrypt(algorithm, key, data);
      assertEquals(hex(sealed), ciphertext + tag.slice(0, (tagLength ?? 128) / 4));
      assertEquals(hex(await subtle.decrypt(algorithm, key, sealed)), hex(data));
      for (const at of [0, sealed.byteLength - 1]) {
        await assertRejects(subtle.decrypt(algorithm, key, flipped(sealed, at)), "OperationError");
      }
      await assertRejects(subtle.decrypt({ ...algorithm, additionalData: utf8("x") }, key, sealed), "OperationError");
      await assertRejects(subtle.decrypt(algorithm, key, sealed.slice(0, 3)), "OperationError");
    }
    for (const more of [{ tagLength: 8 }, { tagLength: 0 }, { tagLength: 127 }, { iv: new Uint8Array(0) }]) {
      await assertRejects(subtle.encrypt({ name: "AES-GCM", iv: bytes(iv), ...more }, key, data), "OperationError");
    }
  });
}
test("AES-GCM: much data goes elsewhere, and what is passed may change", async () => {
  const key = await subtle.generateKey({ name: "AES-GCM", length: 256 }, false, CIPHER);
  for (const iv of [new Uint8Array(12), new Uint8Array(13)]) {
    const data = new Uint8Array(1 << 20).fill(7);
    const promise = subtle.encrypt({ name: "AES-GCM", iv }, key, data);
    data.fill(8);
    const opened = new Uint8Array(await subtle.decrypt({ name: "AES-GCM", iv }, key, await promise));
    assert(opened.length === 1 << 20 && opened.every((byte) => byte === 7));
  }
});
const KW = [
  ["000102030405060708090A0B0C0D0E0F", "00112233445566778899AABBCCDDEEFF", "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"],
  ["000102030405060708090A0B0C0D0E0F1011121314151617", "00112233445566778899AABBCCDDEEFF", "96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d"],
  ["000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F", "00112233445566778899AABBCCDDEEFF0001020304050607", "a8f9bc1612c68b3ff6e6f4fbe30e71e4769c8b80a32cb8958cd5d17d6b254da1"],
];
for (const [kek, secret, wrapped] of KW) {
  test(`AES-KW: ${kek.length * 4} bits`, async () => {
    const wrapping = await importAes("AES-KW", kek, ["wrapKey", "unwrapKey"]);
    const key = await importAes("AES-CBC", secret);
    assertEquals(hex(await subtle.wrapKey("raw", key, wrapping, "AES-KW")), wrapped);
    const unwrap = (data) => subtle.unwrapKey("raw", data, wrapping, "AES-KW", "AES-CBC", true, ["encrypt"]);
    assertEquals(hex(await subtle.exportKey("raw", await unwrap(bytes(wrapped)))), secret.toLowerCase());
    for (const bad of [flipped(bytes(wrapped), 0), bytes(wrapped).slice(1), new Uint8Array(16), new Uint8Array(0)]) {
      await assertRejects(unwrap(bad), "OperationError");
    }
    const odd = await subtle.importKey("raw", utf8("nine byte"), { name: "HMAC", hash: "SHA-1" }, true, SIGN);
    await assertRejects(subtle.wrapKey("raw", odd, wrapping, "AES-KW"), "OperationError");
  });
}

test("wrapKey, unwrapKey: by a cipher, as JWK, whatever an app has put on prototypes", async () => {
  const wrapping = await subtle.generateKey({ name: "AES-GCM", length: 256 }, false, CIPHER);
  const algorithm = { name: "AES-GCM", iv: new Uint8Array(12) };
  const { privateKey } = await subtle.generateKey(ecdsa("P-256"), true, BOTH);
  const seen = [];
  const spy = { configurable: true, get() { seen.push(this); return undefined; } };
  Object.defineProperty(Object.prototype, "toJSON", spy);
  Object.defineProperty(Object.prototype, "d", spy);
  Object.defineProperty(Array.prototype, "toJSON", spy);
  const { constructor } = Uint8Array.prototype;
  let wrapped, unwrapped;
  try {
    Object.defineProperty(Uint8Array.prototype, "constructor", { configurable: true, get() { seen.push(this); return constructor; } });
    wrapped = await subtle.wrapKey("jwk", privateKey, wrapping, algorithm);
    unwrapped = await subtle.unwrapKey("jwk", wrapped, wrapping, algorithm, ecdsa("P-256"), false, SIGN);
  } finally {
    delete Object.prototype.toJSON;
    delete Object.prototype.d;
    delete Array.prototype.toJSON;
    Object.defineProperty(Uint8Array.prototype, "constructor", { configurable: true, value: constructor, writable: true });
  }
  assertEquals(seen.length, 0);
  assertEquals([unwrapped.type, unwrapped.extractable, unwrapped.usages], ["private", false, SIGN]);
  await assertRejects(subtle.unwrapKey("jwk", flipped(wrapped, 3), wrapping, algorithm, ecdsa("P-256"), false, SIGN), "OperationError");
  const noJwk = await subtle.encrypt(algorithm, wrapping, utf8("nothing"));
  await assertRejects(subtle.unwrapKey("jwk", noJwk, wrapping, algorithm, ecdsa("P-256"), false, SIGN), "DataError");
  await assertRejects(subtle.wrapKey("jwk", unwrapped, wrapping, algorithm), "InvalidAccessError");
  await assertRejects(subtle.wrapKey("jwk", privateKey, privateKey, algorithm), "InvalidAccessError");
});

// RFC 5869, A.1, and RFC 6070 (the third with 4096 iterations), RFC 7914, 11.
test("HKDF: RFC 5869", async () => {
  const key = await subtle.importKey("raw", new Uint8Array(22).fill(0x0b), "HKDF", false, DERIVE);
  const algorithm = { name: "HKDF", hash: "SHA-256", salt: bytes("000102030405060708090a0b0c"), info: bytes("f0f1f2f3f4f5f6f7f8f9") };
  const okm = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
  assertEquals(hex(await subtle.deriveBits(algorithm, key, 336)), okm);
  assertEquals((await subtle.deriveBits(algorithm, key, 0)).byteLength, 0);
  assertEquals((await subtle.deriveBits(algorithm, key, 255 * 256)).byteLength, 255 * 32);
  const derived = await subtle.deriveKey(algorithm, key, { name: "HMAC", hash: "SHA-1", length: 168 }, true, SIGN);
  assertEquals(hex(await subtle.exportKey("raw", derived)), okm.slice(0, 42));
  for (const length of [null, 12, 255 * 256 + 8, 0xfffffff8]) {
    await assertRejects(subtle.deriveBits(algorithm, key, length), "OperationError");
  }
  await assertRejects(subtle.deriveKey(algorithm, key, { name: "AES-GCM", length: 100 }, true, CIPHER), "OperationError");
  await assertRejects(subtle.deriveKey(algorithm, key, { name: "AES-GCM", length: 128 }, true, []), "SyntaxError");
  await assertRejects(subtle.importKey("raw", utf8("x"), "HKDF", true, DERIVE), "SyntaxError");
  await assertRejects(subtle.exportKey("raw", key), "NotSupportedError");
});
const PBKDF2 = [
  ["SHA-1", "password", "salt", 1, 160, "0c60c80f961f0e71f3a9b524af6012062fe037a6"],
  ["SHA-1", "password", "salt", 4096, 160, "4b007901b765489abead49d926f721d065a429c1"],
  ["SHA-256", "passwd", "salt", 1, 512, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783"],
  ["SHA-256", "Password", "NaCl", 80000, 512, "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d"],
];
for (const [hash, password, salt, iterations, length, result] of PBKDF2) {
  test(`PBKDF2: ${hash}, ${iterations} iterations`, async () => {
    const key = await subtle.importKey("raw", utf8(password), "PBKDF2", false, DERIVE);
    const algorithm = { name: "PBKDF2", hash, salt: utf8(salt), iterations };
    const bits = await subtle.deriveBits(algorithm, key, length);
    assertEquals([hex(bits).slice(0, result.length), bits.byteLength], [result, length / 8]);
  });
}
test("PBKDF2: what it refuses", async () => {
  const key = await subtle.importKey("raw", utf8(""), "PBKDF2", false, DERIVE);
  const bits = (iterations, length) =>
    subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt: utf8(""), iterations }, key, length);
  assertEquals((await bits(1, 8)).byteLength, 1);
  for (const [iterations, length] of [[0, 8], [1, null], [1, 9], [0xffffffff, 8], [5_000_001, 512]]) {
    await assertRejects(bits(iterations, length), "OperationError");
  }
});

test("SubtleCrypto: large digests and MACs", async () => {
  const data = new Uint8Array(1 << 20);
  assertEquals(hex(await subtle.digest("SHA-256", data)), "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58");
  const key = await subtle.importKey("raw", utf8("k"), { name: "HMAC", hash: "SHA-256" }, false, BOTH);
  const mac = await subtle.sign("HMAC", key, data);
  assertEquals(await subtle.verify("HMAC", key, mac, data), true);
  assertEquals(await subtle.verify("HMAC", key, flipped(mac, 0), data), false);
});

test("SubtleCrypto: damaged keys are no keys, or others", async () => {
  const kinds = [["Ed25519", "Ed25519"], [{ name: "ECDSA", namedCurve: "P-256" }, "ECDSA"], [rsa(PKCS1, "SHA-256"), "RSA"]];
  for (const [algorithm, name] of kinds) {
    const privateKey = name === "RSA" ? await rsaKey(PKCS1, "SHA-256", SIGN) : (await subtle.generateKey(algorithm, true, BOTH)).privateKey;
    const jwk = await subtle.exportKey("jwk", privateKey);
    for (const secret of ["d", "p", "q", "dp", "dq", "qi"]) delete jwk[secret];
    const publicKey = await subtle.importKey("jwk", { ...jwk, key_ops: undefined }, algorithm, true, VERIFY);
    for (const [format, key, usages] of [["spki", publicKey, VERIFY], ["pkcs8", privateKey, SIGN]]) {
      const der = new Uint8Array(await subtle.exportKey(format, key));
      for (let at = 0; at < der.length; at += name === "RSA" && at > 40 ? 13 : 1) {
        for (const damaged of [flipped(der, at), der.slice(0, at), der.with(at, 0xff)]) {
          try {
            assertEquals((await subtle.importKey(format, damaged, algorithm, true, usages)).algorithm.name, privateKey.algorithm.name);
          } catch (error) {
            assertEquals(error.name, "DataError", `${name} ${format} at ${at}: ${error.message}`);
          }
        }
      }
      await assertRejects(subtle.importKey(format, new Uint8Array([...der, 0]), algorithm, true, usages), "DataError");
    }
  }
});

test("SubtleCrypto: what waits for its turn counts as memory", async () => {
  // An isolate's pieces of work run one after the other: the digests wait for this, however fast the machine hashes.
  const password = await subtle.importKey("raw", utf8("x"), "PBKDF2", false, ["deriveBits"]);
  const slow = subtle.deriveBits({ name: "PBKDF2", hash: "SHA-512", salt: utf8("x"), iterations: 1_000_000 }, password, 512);
  const data = new Uint8Array(16 << 20);
  const all = await Promise.allSettled(Array.from({ length: 32 }, () => subtle.digest("SHA-1", data)));
  assertEquals((await slow).byteLength, 64);
  const refused = all.filter(({ status }) => status === "rejected");
  assert(refused.length > 0 && refused.length < 32, `${refused.length} of 32`);
  assert(refused.every(({ reason }) => reason instanceof RangeError));
  assertEquals((await subtle.digest("SHA-1", data)).byteLength, 20);
});

test("SubtleCrypto: no key comes by an app's Object.prototype.then", async () => {
  const seen = [];
  Object.defineProperty(Object.prototype, "then", { configurable: true, get() { seen.push(this); return undefined; } });
  let key;
  try {
    const password = await subtle.importKey("raw", utf8("x"), "PBKDF2", false, DERIVE);
    const algorithm = { name: "PBKDF2", hash: "SHA-256", salt: utf8("x"), iterations: 5000 };
    key = await subtle.deriveKey(algorithm, password, { name: "AES-GCM", length: 256 }, false, CIPHER);
  } finally {
    delete Object.prototype.then;
  }
  assert(seen.length > 0 && seen.every((value) => value instanceof CryptoKey));
  assertEquals(key.extractable, false);
});

test("CryptoKey: structuredClone of a pair", async () => {
  const pair = await subtle.generateKey("Ed25519", false, BOTH);
  const clone = structuredClone(pair.privateKey);
  const signature = await subtle.sign("Ed25519", clone, utf8("x"));
  assertEquals([clone.extractable, await subtle.verify("Ed25519", pair.publicKey, signature, utf8("x"))], [false, true]);
});
