// Posts as networks send them, some of them hostile.

/** showcase are posts of every kind, all caught by the rules that `riffle up` begins with. */
export const showcase: Record<string, unknown>[] = [
  { author: { id: "m1", handle: "old.roaster", name: "Old Roaster" }, text: "First espresso of the morning, and the grinder finally behaves again.", network: "mastodon" },
  { author: { id: "m2", handle: "mira@social.example", name: "Mira Lindqvist", verified: true }, network: "mastodon", langs: ["en"], url: "https://social.example/@mira/1",
    text: "We adopted a kitten yesterday. She sleeps on the router because it is warm 🐈‍⬛ — more pictures at https://mira.example/kitten.", hashtags: ["caturday"],
    media: [{ type: "image", url: "https://img.example/a.svg", alt: "A black kitten asleep on a router, one paw over a blinking green light" }] },
  { author: { id: "m3", handle: "layla.example", name: "ليلى حداد" }, langs: ["ar"], text: "صباح الخير! أفضل coffee ☕️ في المدينة القديمة، بجانب البحر", url: "https://bsky.example/l" },
  { author: { id: "m4", handle: "kaffee.example", name: "Jonas 👨‍👩‍👧‍👦" }, text: "👨‍👩‍👧‍👦☕ Sunday coffee with all of them. Café crème für mich, 커피 for her.", langs: ["de"], url: "https://bsky.example/j" },
  { author: { id: "m5", handle: "trainspotter", name: "Ida Novak" }, network: "twitter", kind: "quote", url: "https://twitter.example/ida/1",
    text: "Exactly this. The night train to Vienna is the best hotel I know.",
    quote_of: { key: "test:q1", author: { id: "x", handle: "slowtravel" }, text: "Eleven hours, one night train, two breakfasts. Why would anybody fly?" } },
  { author: { id: "m6", handle: "gopherina", name: "Gopherina" }, kind: "reply", reply_to: { key: "test:r1", author: { id: "y", handle: "devs.example" }, text: "What are you all hacking on this weekend?" },
    text: "A tiny stream filter in #golang, open source of course: https://code.example/riffle (feedback welcome!)", hashtags: ["golang"], links: ["https://code.example/riffle"], url: "https://bsky.example/g" },
  { author: { id: "m7", handle: "neko_no_kimochi", name: "ねこのきもち" }, langs: ["ja"], text: "今日の猫。コーヒーの横で丸くなって寝ています。", media: [
    { type: "image", url: "https://img.example/b.svg", alt: "丸くなって寝る猫" }, { type: "image", url: "https://img.example/c.svg", alt: "コーヒーカップ" }], url: "https://bsky.example/n" },
  { author: { id: "m8", handle: "railnews.example", name: "Rail News" }, kind: "repost", repost_of: { key: "test:p1", author: { id: "z", handle: "oebb.example" }, text: "New sleeper cars enter service on Monday. #railway" },
    text: "New sleeper cars enter service on Monday. #railway", hashtags: ["railway"], media: [{ type: "link", url: "https://rail.example/sleepers", alt: "New sleeper cars: what is inside" }], url: "https://bsky.example/r" },
];

/** hostile are texts that would do harm anywhere but in a text. The word coffee lets a rule catch them. */
export const hostile = [
  `coffee <script>window.hurt=1</script>`,
  `coffee <img src=x onerror="window.hurt=1">`,
  `coffee "><svg/onload=window.hurt=1>`,
  `coffee <a href="javascript:window.hurt=1">click</a>`,
  `coffee javascript:window.hurt=1 data:text/html,<script>window.hurt=1</script>`,
  `coffee <iframe srcdoc="<script>parent.hurt=1</script>"></iframe>`,
  `coffee </mark></p><style>*{display:none}</style>`,
  `coffee {{constructor.constructor('window.hurt=1')()}} \${window.hurt=1}`,
  `coffee <!--<img src="--><img src=x onerror=window.hurt=1//">`,
  `coffee \u202e<script>window.hurt=1</script>\u202c`,
  `coffee https://example.org/"onmouseover="window.hurt=1`,
  `coffee &lt;script&gt;window.hurt=1&lt;/script&gt;`,
];
