<TMPL_INCLUDE NAME="header.tpl">
<main class="hds-container content narrow">
  <h1 class="heading-xl-mobile" trspan="choose2f"></h1>
  <form action="/2fchoice" method="post" class="form">
    <input type="hidden" name="token" value="<TMPL_VAR NAME="TOKEN">">
    <input type="hidden" name="checkLogins" value="<TMPL_VAR NAME="CHECKLOGINS">">
    <input type="hidden" name="stayconnected" value="<TMPL_VAR NAME="STAYCONNECTED">">
    <p class="actions">
    <TMPL_LOOP NAME="MODULES">
    <button type="submit" name="sf" value="<TMPL_VAR NAME="CODE">" class="hds-button hds-button--secondary" trspan="<TMPL_VAR NAME="CODE">2f"></button>
    </TMPL_LOOP>
    </p>
  </form>
  <p><a class="hds-link" href="<TMPL_VAR NAME="PORTAL_URL">?cancel=1" trspan="cancel"></a></p>
</main>
<TMPL_INCLUDE NAME="footer.tpl">
