/**
 * Whom nobody is to pay for: known before any provider is asked.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import type { InvalidTarget } from "../ProviderError.js"
import * as Target from "../Target.js"
import type { Verdict } from "./model.js"
import type { Profile } from "./profile.js"

/** Sites on which others publish: the site's own figures say nothing of whoever writes there. */
export const platforms = `
  about.me academia.edu adobe.com airtable.com aliexpress.com alibaba.com amazon.co.jp amazon.co.uk amazon.com amazon.de angelfire.com apple.com
  archive.org askfm.com baidu.com bandcamp.com behance.net bilibili.com bing.com bitbucket.org bit.ly blogger.com blogspot.com bsky.app buzzfeed.com
  calameo.com canva.com carrd.co change.org codepen.io craigslist.org crunchbase.com dailymotion.com deviantart.com dev.to discord.com disqus.com docker.com
  dribbble.com dropbox.com duckduckgo.com ebay.co.uk ebay.com ebay.de etsy.com eventbrite.com evernote.com facebook.com fandom.com feedly.com
  fiverr.com flickr.com flipboard.com foursquare.com ghost.io giphy.com github.com github.io gitlab.com gitbook.io gofundme.com goodreads.com
  google.co.uk google.com google.de gravatar.com hackernoon.com hashnode.dev huggingface.co imdb.com imgur.com indiegogo.com instagram.com instructables.com
  issuu.com itch.io jimdo.com kaggle.com kickstarter.com last.fm linkedin.com linktr.ee livejournal.com medium.com meetup.com messenger.com
  microsoft.com mixcloud.com myspace.com myshopify.com naver.com netlify.app notion.site npmjs.com ok.ru openstreetmap.org over-blog.com patreon.com paypal.com
  photobucket.com pinterest.co.uk pinterest.com pinterest.de pixabay.com prezi.com producthunt.com pypi.org quora.com readthedocs.io
  reddit.com researchgate.net scribd.com shopify.com shutterstock.com skype.com slack.com slideshare.net snapchat.com soundcloud.com
  sourceforge.net spotify.com squarespace.com stackexchange.com stackoverflow.com steamcommunity.com stumbleupon.com substack.com surveymonkey.com
  telegram.org t.me threads.net tiktok.com trello.com tripadvisor.com trustpilot.com tumblr.com twitch.tv twitter.com typepad.com udemy.com
  unsplash.com upwork.com vercel.app vimeo.com vk.com walmart.com wattpad.com wechat.com weebly.com weibo.com whatsapp.com wikihow.com
  wikimedia.org wikipedia.org wix.com wixsite.com wordpress.com wordpress.org x.com yahoo.com yandex.ru yelp.com youtu.be youtube.com zendesk.com
`

export const webmail = `
  126.com 163.com aim.com aol.com fastmail.com free.fr freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com hey.com hotmail.co.uk
  hotmail.com hotmail.fr hushmail.com icloud.com inbox.com laposte.net libero.it live.com mac.com mail.com mail.ru mailfence.com me.com msn.com
  orange.fr outlook.com proton.me protonmail.com qq.com rambler.ru rediffmail.com rocketmail.com seznam.cz sina.com t-online.de tuta.com tutanota.com
  web.de wp.pl yahoo.co.uk yahoo.de yahoo.fr yandex.com ymail.com zoho.com zohomail.com
`

const sites = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter((site) => site !== ""))

const platformSites = sites(platforms)
const webmailSites = sites(webmail)

/**
 * Lists of a run, beside those of the profile.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Lists {
  readonly own?: ReadonlyArray<string> | undefined
  readonly competitors?: ReadonlyArray<string> | undefined
  readonly alreadyLinking?: ReadonlyArray<string> | undefined
  readonly contacted?: ReadonlyArray<string> | undefined
  readonly blocklist?: ReadonlyArray<string> | undefined
}

type Excluded = Extract<Verdict, { readonly _tag: "Excluded" }>

const lists = [
  ["own", "own", "is one's own site"],
  ["competitors", "competitor", "is a competitor's site"],
  ["alreadyLinking", "already_linking", "links already"],
  ["contacted", "contacted", "was contacted already"],
  ["blocklist", "blocklist", "is on the blocklist"]
] as const satisfies ReadonlyArray<readonly [keyof Lists, Excluded["reason"], string]>

const excluded = (reason: Excluded["reason"], message: string): Excluded => ({ _tag: "Excluded", reason, message })

/** Why a site is not to be paid for; `null` where nothing speaks against it. Fails with the first entry of a list that is no site. */
export const make = (
  { exclude }: Profile,
  more: Lists = {}
): Either.Either<(target: Target.Target) => Excluded | null, InvalidTarget> =>
  Either.gen(function* () {
    const known = new Map<Target.Target, Excluded>()
    for (const [list, reason, why] of lists) {
      for (const entry of [...exclude[list], ...(more[list] ?? [])]) {
        const site = yield* Target.make(entry)
        if (!known.has(site)) known.set(site, excluded(reason, `${site} ${why}`))
      }
    }
    const tlds = new Set(exclude.tlds)
    return (target) => {
      const listed = known.get(target)
      if (listed !== undefined) return listed
      if (exclude.platforms && platformSites.has(target)) {
        return excluded("platform_host", `${target} publishes what others write: its figures are not theirs`)
      }
      if (exclude.webmail && webmailSites.has(target)) return excluded("webmail", `${target} is a mail provider`)
      const tld = target.slice(target.lastIndexOf(".") + 1)
      return tlds.has(tld) ? excluded("tld", `.${tld} is excluded`) : null
    }
  })
